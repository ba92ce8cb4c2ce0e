"""What the gateway counts, for Prometheus. Several workers write into files of one folder and are added up."""

from contextlib import suppress
from pathlib import Path

import psutil
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from serving.gateway.drift import DriftGauges

_BUCKETS = (0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)

REQUESTS = Counter("headwater_requests_total", "Answers by route, method and status code", ["route", "method", "code"])
LATENCY = Histogram("headwater_request_seconds", "Time to answer", ["route"], buckets=_BUCKETS)
STAGES = Histogram("headwater_stage_seconds", "Time in a stage of the chain", ["stage"], buckets=_BUCKETS)
CANDIDATES = Counter("headwater_candidates_total", "Candidates, by the source that named them", ["source"])
DEGRADED = Counter("headwater_degraded_total", "Stages that used their fallback", ["stage"])
FEATURES = Counter("headwater_user_rows_total", "User rows read, by state: fresh, stale, missing", ["state"])
RELEASE = Gauge(
    "headwater_release_info", "1 for a release in force", ["pointer", "release"], multiprocess_mode="livemax"
)
RELEASE_REFUSED = Counter("headwater_releases_refused_total", "Releases that could not be put in force", ["release"])
REFUSED = Gauge(
    "headwater_refused_releases",
    "Releases that pointers and experiments name and that may not be served",
    multiprocess_mode="livemax",
)
LIMITED = Counter("headwater_rate_limited_total", "Requests refused by a rate limit", ["kind"])
LIMIT_FALLBACK = Counter("headwater_rate_limit_fallback_total", "Limits checked in the process because Redis was down")
_ARM = ["release", "experiment", "arm"]
ARM_IMPRESSIONS = Counter("headwater_arm_impressions_total", "Items answered, by release and arm", _ARM)
ARM_CLICKS = Counter("headwater_arm_clicks_total", "Clicks that answer a request, by release and arm", _ARM)
ARM_PURCHASES = Counter("headwater_arm_purchases_total", "Purchases that answer a request, by release and arm", _ARM)
IMPRESSIONS = Counter("headwater_impressions_total", "Impressions: sent, spilled, dropped or unreadable", ["outcome"])
BUFFER_DEPTH = Gauge(
    "headwater_impression_buffer", "Answers whose impressions wait", ["where"], multiprocess_mode="livesum"
)
SPILLED = Gauge(
    "headwater_impression_spilled_bytes", "Impressions waiting in files of all workers", multiprocess_mode="livemax"
)
EVENTS = Counter("headwater_events_total", "Events: acknowledged or refused", ["outcome"])
ITEM_TABLE_AGE = Gauge(
    "headwater_item_features_age_seconds", "Age of the item features in use", multiprocess_mode="livemax"
)


def exposition(directory: Path | None, home: Path) -> bytes:
    """The text format. ``directory`` holds the workers' files; None means this process alone. ``home`` is where the
    drift report lies."""
    registry = REGISTRY if directory is None else CollectorRegistry()
    if directory is not None:
        _forget_killed(directory)
        multiprocess.MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    drift = CollectorRegistry()
    drift.register(DriftGauges(home))
    return bytes(generate_latest(registry)) + bytes(generate_latest(drift))


def _forget_killed(directory: Path) -> None:
    """Takes away the gauges of workers that were killed; one that ends takes its own away."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in directory.glob("gauge_live*.db")}:
        if not psutil.pid_exists(pid):
            with suppress(FileNotFoundError):
                multiprocess.mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
