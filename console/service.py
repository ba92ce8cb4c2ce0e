"""What the console works with. Nothing connects before it is asked."""

import httpx
import sqlalchemy as sa

from console.parts import Part, parts
from console.quality import Quality
from console.watch import Watch, consumer_watch, gateway_watch
from contracts.settings import Settings
from experimentation.store import Experiments
from lake.store import Lake
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from serving.auth.issuer import Issuer
from serving.auth.key_sources import DiscoveredKeys, EmbeddedKeys, KeySource
from serving.auth.verifier import Verifier

TIMEOUT_SECONDS = 3


class Console:
    """The rooms behind the pages, opened as ``settings`` say."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self.verifier = Verifier(
            self._keys(), settings.issuer, settings.audience, settings.clock_skew_seconds, settings.now()
        )
        self.engine = _engine(settings.database_url)
        self.experiments = Experiments(self.engine, settings.now())
        self.door = Door(
            ReleaseStore(settings.releases),
            Pointers(self.engine, settings.now()),
            settings.home / "models",
            settings.mlflow_url,
        )
        self.quality = Quality(Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region))
        self.parts: tuple[Part, ...] = parts(settings, self.engine)
        self.gateway: Watch = gateway_watch(self.http, settings.gateway_metrics_url)
        self.consumer: Watch = consumer_watch(self.http, settings.consumer_url)

    def _keys(self) -> KeySource:
        settings = self.settings
        if settings.embedded_issuer:
            issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
            return EmbeddedKeys(issuer.keys)
        return DiscoveredKeys(settings.issuer, self.http)

    async def close(self) -> None:
        """Ends every connection."""
        await self.http.aclose()
        self.engine.dispose()


def _engine(database_url: str) -> sa.Engine:
    """Connections that give up soon: a panel that waits says nothing."""
    seconds = str(TIMEOUT_SECONDS)
    url = sa.engine.make_url(database_url).update_query_dict({"connect_timeout": seconds})
    return sa.create_engine(url, pool_pre_ping=True, pool_size=4, max_overflow=4, pool_timeout=TIMEOUT_SECONDS)
