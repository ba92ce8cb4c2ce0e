"""The daily look at skew, as Airflow and the command line start it."""

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import redis

from contracts.clock import utc
from contracts.errors import HeadwaterError, InvalidInputError, NotFoundError, UnavailableError
from contracts.settings import Settings
from lake.store import Lake
from pipeline.artifacts import Artifacts
from releases.store import DamagedReleaseError, ReleaseStore
from streaming.skew.daily import daily_skew
from streaming.skew.report import SkewReport
from streaming.skew.shown import Opened, sample, shown_skew
from training.jobs.run import DONE, runs_path

USERS = 1000


class SkewError(HeadwaterError):
    """A feature is above the bound."""


def check_skew(day: str | None = None, settings: Settings | None = None) -> str:
    """Compares a sample of users of ``day`` (YYYY-MM-DD, default the last complete one), writes the report and returns
    the path of its page.

    Raises SkewError, after writing, when a feature is above the bound; InvalidInputError for what is no day;
    UnavailableError when Redis fails.
    """
    chosen = settings or Settings()
    now = utc(chosen.now()())
    try:
        looked_at = date.fromisoformat(day) if day else now.date() - timedelta(days=1)
    except ValueError as error:
        raise InvalidInputError("day", f"{day!r} is not of the form YYYY-MM-DD") from error
    seed = looked_at.toordinal()
    lake = Lake(chosen.lake, s3_endpoint=chosen.s3_endpoint, s3_region=chosen.s3_region)
    shown = sample(lake, looked_at, USERS, seed)
    features = shown_skew(lake, _opener(ReleaseStore(chosen.releases)), shown, looked_at)
    users = [row["user_id"] for row in shown]
    exported = _last_exported(chosen)
    if exported is not None and users:
        with tempfile.TemporaryDirectory() as folder, redis.Redis.from_url(chosen.redis_url) as client:
            try:
                features += daily_skew(client, exported, users, now, Path(folder) / "registry.db")
            except redis.RedisError as error:
                raise UnavailableError("Redis", str(error)) from error
    report = SkewReport(date=looked_at, users=len(users), features=features)
    page = report.write(chosen.home / "reports" / "skew")
    if report.breaches:
        raise SkewError(f"training and serving differ in {', '.join(report.breaches)}: see {page}")
    return str(page)


def _opener(store: ReleaseStore) -> Callable[[str], Opened | None]:
    @cache
    def opened(release: str) -> Opened | None:
        try:
            return Opened(Artifacts.load(store.open(release)), store.manifest(release).ranking_features)
        except (NotFoundError, DamagedReleaseError):
            return None

    return opened


def _last_exported(settings: Settings) -> Path | None:
    """The snapshots that the newest finished export wrote online."""
    done = sorted(runs_path(settings).glob(f"*/export/{DONE}"), key=lambda path: path.stat().st_mtime)
    return done[-1].parent.parent / "features" if done else None
