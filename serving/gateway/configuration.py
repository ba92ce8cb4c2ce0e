"""What the gateway is told: plain values, read from the settings where the program starts."""

from dataclasses import dataclass
from pathlib import Path

from contracts.clock import Clock
from contracts.settings import Settings


@dataclass(frozen=True)
class Configuration:
    """Addresses, limits and folders of one gateway."""

    home: Path
    releases: Path
    redis_url: str
    database_url: str
    kafka_bootstrap: str
    topic_prefix: str
    model_server: str
    issuer: str
    embedded_issuer: bool
    audience: str
    clock_skew_seconds: int
    rate_user_per_second: int
    rate_client_per_second: int
    event_future_seconds: int
    user_stale_seconds: int
    release_poll_seconds: float
    request_deadline_ms: int
    clock: Clock
    metrics_directory: Path | None = None
    threads: int = 4
    refresh_seconds: float = 5.0
    explore_share: float = 0.0

    @classmethod
    def of(cls, settings: Settings, metrics_directory: Path | None = None) -> "Configuration":
        """The values that the settings give."""
        return cls(
            home=settings.home,
            releases=settings.releases,
            redis_url=settings.redis_url,
            database_url=settings.database_url,
            kafka_bootstrap=settings.kafka_bootstrap,
            topic_prefix=settings.topic_prefix,
            model_server=settings.model_server,
            issuer=settings.issuer,
            embedded_issuer=settings.embedded_issuer,
            audience=settings.audience,
            clock_skew_seconds=settings.clock_skew_seconds,
            rate_user_per_second=settings.rate_user_per_second,
            rate_client_per_second=settings.rate_client_per_second,
            event_future_seconds=settings.event_future_seconds,
            user_stale_seconds=settings.user_stale_seconds,
            release_poll_seconds=settings.release_poll_seconds,
            request_deadline_ms=settings.request_deadline_ms,
            clock=settings.now(),
            metrics_directory=metrics_directory,
            explore_share=settings.explore_share,
        )
