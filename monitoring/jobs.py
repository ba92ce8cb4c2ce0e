"""The steps of the DAG ``monitor_drift``: read the weeks as the daily run reads its data, compare, report, alert."""

import json
import uuid
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.clock import utc
from contracts.drift import DriftReport, latest, reports
from contracts.errors import NotFoundError
from contracts.release import CHAMPION, Manifest
from contracts.settings import Settings
from database.engine import connect
from monitoring import alerts
from monitoring.comparing import ALPHA, compare, reliability_of
from monitoring.page import page
from monitoring.sampling import Source, draw, halves, popularity_before
from monitoring.windows import TooEarlyError, windows
from releases.identity import release_id
from releases.pointers import Pointers
from releases.store import ReleaseStore
from training.jobs.clean import clean
from training.jobs.data_hash import data_hash
from training.jobs.dataset import load, user_features
from training.jobs.evaluate import trained_to
from training.jobs.features import features
from training.jobs.plan import interval_end
from training.jobs.rankers import shown_pages
from training.jobs.released import Released
from training.jobs.run import Inputs, Run, StepFunction, create_run, open_lake, open_run, perform
from training.jobs.source_version import git_commit
from training.jobs.split import DAY_SECONDS
from training.jobs.training_set import training_set

STEPS: dict[str, tuple[StepFunction, tuple[str, ...]]] = {
    "clean": (clean, ()),
    "features": (features, ("clean",)),
    "training_set": (training_set, ("features",)),
}
"""The daily run's own steps, on the weeks that are compared."""


def plan(settings: Settings, day: str | None) -> str:
    """Names the reading of the weeks up to the end of ``day`` (YYYY-MM-DD or a moment in ISO 8601; None: now) and
    returns its id. Equal data, champion and code give the same id.

    Raises TooEarlyError without a champion or where the data is too young.
    """
    lake, end = open_lake(settings), interval_end(day, settings.now()())
    champion, days = _champion(settings), lake.days("interactions")
    if champion is None or not days:
        raise TooEarlyError("drift needs a champion and its data: run headwater train first")
    reference, _ = windows(champion, end, days[0])
    start = utc(reference.start - reference.history)
    inputs = Inputs(
        data_from=start.isoformat(),
        data_to=end.isoformat(),
        data_hash=data_hash(lake, (start.date(), (end - timedelta(microseconds=1)).date())),
        seed=settings.train_seed,
        budget_seconds=0,
        git_commit=git_commit(),
        shifted_seconds=0.0,
        settings={name: getattr(settings, name) for name in ("train_label_rows", "train_holdout_share")}
        | {"drift_champion": champion.id, "first_day": days[0].isoformat()},
    )
    hashed = release_id({name: json.dumps(value, sort_keys=True) for name, value in asdict(inputs).items()})
    return create_run(f"drift-{hashed[1:]}", inputs, settings).id


def perform_step(settings: Settings, run_id: str, step: str) -> dict[str, Any]:
    """One of STEPS; done once for the same inputs."""
    function, needs = STEPS[step]
    return perform(open_run(run_id, settings), step, function, needs, always=False)


def measure(settings: Settings, run_id: str) -> Path:
    """Compares the weeks of a run whose STEPS are done. Writes ``<date>.html`` and ``<date>.json`` below
    ``contracts.drift.reports`` and, unless a later date is there, ``latest.json``. Returns the page."""
    run = open_run(run_id, settings)
    source = _source(run)
    end, first = run.inputs.end, datetime.fromisoformat(run.inputs.settings["first_day"]).date()
    before, now = windows(source.manifest, end, first)
    seed, data = run.inputs.seed + int(now.end), source.data
    one, two = halves(data.everything.users, seed)
    known = popularity_before(data, before.start)
    reference, current = draw(source, before, one, known, seed), draw(source, now, two, known, seed)
    learned_to = trained_to(source.manifest)
    calibrated = reliability_of(reference, current, seed)
    figures = compare(
        reference,
        current,
        calibrated,
        categories=len(data.items.category_names) + 1,
        items=len(data.items),
        days_before=before.history / DAY_SECONDS,
        learned=before.start < learned_to < now.end,
        seed=seed,
    )
    report = DriftReport(
        date=(end - timedelta(microseconds=1)).date(),
        champion=source.manifest.id,
        reference_from=before.moments[0],
        reference_to=before.moments[1],
        current_from=now.moments[0],
        current_to=now.moments[1],
        reference_users=reference.users,
        current_users=current.users,
        alpha=ALPHA,
        figures=tuple(figures),
        measured_at=utc(settings.now()()),
    )
    return _write(settings.home, report, page(report, reference, current, calibrated))


def log(settings: Settings, written: Path) -> str:
    """The report of the page ``written`` in MLflow; returns the run's address."""
    from monitoring.tracking import log_report

    figures = written.with_suffix(".json")
    return log_report(settings.mlflow_url, read(written), [written, figures])


def alert(settings: Settings, written: Path, address: str) -> list[str]:
    """Posts the breaches to the setting ``alert_webhook`` where there is one, linking ``address``. Returns them."""
    report = read(written)
    if report.breaches and settings.alert_webhook:
        alerts.send(settings.alert_webhook, report, address)
    return [f"{figure.section.value}: {figure.name}" for figure in report.breaches]


def read(written: Path) -> DriftReport:
    """The figures beside a page. Raises NotFoundError."""
    figures = written.with_suffix(".json")
    if not figures.is_file():
        raise NotFoundError(f"there is no drift report {figures}: run the DAG monitor_drift")
    return DriftReport.model_validate_json(figures.read_bytes())


def _champion(settings: Settings) -> Manifest | None:
    engine = connect(settings.database_url)
    try:
        champion = Pointers(engine).get(CHAMPION).release_id
    finally:
        engine.dispose()
    return None if champion is None else ReleaseStore(settings.releases).manifest(champion)


def _source(run: Run) -> Source:
    store, data = ReleaseStore(run.settings.releases), load(run)
    manifest = store.manifest(run.inputs.settings["drift_champion"])
    data = replace(data, cut=run.inputs.end.timestamp())
    champion = Released.load(store.open(manifest.id), data.items.item_ids, manifest.ranker)
    return Source(data, user_features(run, data), shown_pages(run, data), champion, manifest)


def _write(home: Path, report: DriftReport, text: str) -> Path:
    folder = reports(home)
    folder.mkdir(parents=True, exist_ok=True)
    figures, written = report.model_dump_json(indent=1), folder / f"{report.date}.html"
    _replace(written, text)
    _replace(written.with_suffix(".json"), figures)
    newest = latest(home)
    if not newest.is_file() or DriftReport.model_validate_json(newest.read_bytes()).date <= report.date:
        _replace(newest, figures)
    return written


def _replace(path: Path, text: str) -> None:
    """Readers see the old file or the new one."""
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    draft.write_text(text)
    draft.rename(path)
