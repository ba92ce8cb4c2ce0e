"""The first step: what this run reads, and so its name."""

import json
from dataclasses import asdict
from datetime import datetime, time, timedelta

from contracts.clock import utc
from contracts.errors import InvalidInputError
from contracts.settings import Settings
from feature_repo.daily import feature_set
from feature_repo.item_daily import FEATURES as ITEM_FEATURES
from feature_repo.user_daily import FEATURES as USER_FEATURES
from lake.store import Lake
from releases.identity import release_id
from training.jobs.data_hash import data_hash
from training.jobs.run import Inputs, Run, create_run, open_lake
from training.jobs.source_version import git_commit

DAILY_VERSIONS = {feature.name: feature.version for feature in (*USER_FEATURES, *ITEM_FEATURES)}


def interval_end(date: str | None, now: float) -> datetime:
    """The end of the data interval: of the day ``date`` (YYYY-MM-DD), of a moment in ISO 8601, or ``now``.

    An end in the future is cut to ``now``. Raises InvalidInputError for another form.
    """
    if not date:
        return utc(now)
    try:
        moment = datetime.fromisoformat(date)
    except ValueError as error:
        raise InvalidInputError("date", f"{date!r} is no date, write YYYY-MM-DD") from error
    moment = moment.replace(tzinfo=utc(0).tzinfo) if moment.tzinfo is None else moment
    end = moment + timedelta(days=1) if len(date) == len("2026-01-31") else moment
    return min(end, utc(now))


def shifted_seconds(lake: Lake) -> float:
    """What the imports added to every time; that of the newest import counts."""
    imports = lake.read("imports", ["shifted_seconds", "imported_at"]).sort_by("imported_at")
    return float(imports["shifted_seconds"][-1].as_py()) if len(imports) else 0.0


def plan(
    settings: Settings, *, date: str | None = None, seed: int | None = None, budget_seconds: int | None = None
) -> Run:
    """Names and records the run over the ``train_days`` before the end of the interval (see ``interval_end``).

    Settings that change what is trained are part of the name; addresses and ports are not.
    """
    end = interval_end(date, settings.now()())
    start = datetime.combine((end - timedelta(days=settings.train_days)).date(), time(), end.tzinfo)
    lake = open_lake(settings)
    inputs = Inputs(
        data_from=start.isoformat(),
        data_to=end.isoformat(),
        data_hash=data_hash(lake, (start.date(), (end - timedelta(microseconds=1)).date())),
        seed=settings.train_seed if seed is None else seed,
        budget_seconds=settings.train_seconds if budget_seconds is None else budget_seconds,
        git_commit=git_commit(),
        shifted_seconds=shifted_seconds(lake),
        settings={name: getattr(settings, name) for name in ("train_label_rows", "train_holdout_share")}
        | {"feature_set": feature_set(DAILY_VERSIONS)},
    )
    run_id = release_id({name: json.dumps(value, sort_keys=True) for name, value in asdict(inputs).items()})
    return create_run(run_id, inputs, settings)
