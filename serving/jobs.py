"""Jobs that need the serving pipeline: a release answers logged requests before it gets traffic."""

import logging
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from contracts.clock import utc
from contracts.errors import HeadwaterError
from contracts.release import CHALLENGER
from contracts.settings import Settings
from database.engine import connect
from experimentation.replay import ReplayReport, replay
from lake.store import Lake
from pipeline.rules import default_rules
from releases.pointers import Pointers
from serving.gateway.release_loading import ReleaseLoader
from serving.gateway.served_models import Models

log = logging.getLogger(__name__)


def replay_release(
    settings: Settings,
    release: str,
    day: date,
    *,
    at_most: int = 1000,
    hours: float = 24.0,
    seed: int = 7,
    progress: Callable[[str], None] = lambda _: None,
) -> ReplayReport:
    """Asks ``release`` the requests of ``day`` again. Raises NotFoundError when there is no such release or the day has
    no impressions, and what loading a release raises."""
    models = Models(settings.model_server)
    try:
        loaded = ReleaseLoader(settings.releases, models, settings.home).load(release)
        served = loaded.served(loaded.artifacts.items, (), default_rules())
        lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
        return replay(served, lake, day, at_most=at_most, hours=hours, seed=seed, progress=progress)
    finally:
        models.close()


def replay_challenger(day: str | None = None) -> dict[str, Any] | None:
    """The challenger on the requests of ``day`` (YYYY-MM-DD, default yesterday). It informs and gates nothing: what
    keeps it from being replayed is logged. None then, and without a challenger."""
    settings = Settings()
    engine = connect(settings.database_url)
    try:
        challenger = Pointers(engine).get(CHALLENGER).release_id
    finally:
        engine.dispose()
    if challenger is None:
        return None
    on = date.fromisoformat(day) if day else utc(settings.now()()).date() - timedelta(days=1)
    try:
        report = replay_release(settings, challenger, on, progress=log.info)
    except HeadwaterError as error:
        log.warning("no replay of %s: %s", challenger, error)
        return None
    log.info("%s", report.as_json())
    return report.as_json()
