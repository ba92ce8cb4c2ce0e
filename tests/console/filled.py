"""What an installation holds after some days: judged runs, a lake with faults, an experiment with looks, reports."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from console.routes.pages import data_docs
from contracts.drift import DriftFigure, DriftReport, Measure, Section, latest, reports
from contracts.events import DroppedInteraction, Interaction, QuarantinedRow
from contracts.experiment import Arm, Experiment
from contracts.impressions import Impression
from contracts.settings import Settings
from database.engine import connect
from experimentation.jobs import Rooms, analyse_experiment
from experimentation.log_tables import Resources
from experimentation.store import Experiments
from lake.store import Lake
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from streaming import dirty_days
from tests.experimentation.logs import START, acted, at, shown
from training.evaluation.gate import GateRules, Holdout, gate
from training.jobs.outputs import VERDICT
from training.jobs.run import Inputs, create_run, perform

MODELS = {"ranked": 0.118, "sequential": 0.109, "two_tower": 0.094, "ease": 0.088, "item_knn": 0.081, "popular": 0.046}
MARKUP = "<img src=x onerror=alert(1)>"


def measured(gain: float) -> dict[str, Any]:
    """The fields of a manifest that say what a release was measured at."""
    metrics = {model: {"ndcg@10": value * gain, "recall@10": value * 1.6} for model, value in MODELS.items()}
    means = {model: of_model["ndcg@10"] for model, of_model in metrics.items()}
    bounds = {f"{model}/ndcg@10": (mean - 0.006, mean + 0.007) for model, mean in means.items()}
    return {"metrics": metrics, "intervals": bounds}


def judge(settings: Settings, run_id: str, gain: float) -> None:
    """A run whose step gate is done: the candidate is ``gain`` times as good as its references."""
    end = START + timedelta(days=7)
    inputs = Inputs(START.isoformat(), end.isoformat(), "0" * 64, 7, 90, "0" * 40, 0.0, {})

    def judged(_: object, out: Path) -> Mapping[str, Any]:
        values = np.random.default_rng(7).gamma(2, 0.05, 800)
        weak = values * np.random.default_rng(8).uniform(0.2, 1.2, 800)
        holdout = Holdout(values * gain, {"popular": weak, "item_knn": values}, champion=values, anchor=weak)
        (out / VERDICT).write_text(json.dumps(gate(holdout, GateRules()).as_json()))
        return {}

    perform(create_run(run_id, inputs, settings), "gate", judged, (), always=False)


def fill_lake(settings: Settings) -> None:
    """Rows refused for several reasons (one with HTML in it), rows dropped by rule, and late days."""
    lake = Lake(settings.lake)
    moment = at(3)
    refused = [("interactions", "unknown_action", "action", 40), ("items", "not_a_time", "created_at", 7)]
    rows = [
        QuarantinedRow(
            table=table,
            reason=reason,
            field=field,
            origin=f"rows.csv:{number}",
            payload=f'{{"title": "{MARKUP}"}}',
            quarantined_at=moment,
            import_id="i1",
        )
        for table, reason, field, times in refused
        for number in range(times)
    ]
    lake.append("quarantine", _table(rows, QuarantinedRow))
    dropped = [
        DroppedInteraction(
            event_id=f"{reason}{number}",
            user_id=f"u{number % 9}",
            item_id="i1",
            timestamp=moment,
            source="import",
            origin="t",
            reason=reason,
            run="r00000000000a",
        )
        for reason, times in {"bot_rate": 90, "bot_rhythm": 30, "duplicate": 12}.items()
        for number in range(times)
    ]
    lake.append("dropped", _table(dropped, DroppedInteraction))
    dirty_days.mark(lake, "interactions", [date(2026, 3, 29), date(2026, 3, 30)], lambda: at(4).timestamp())


def fill_experiment(settings: Settings, release: str) -> None:
    """Experiment x1, running, with the look of its ninth day: the variant's click rate is a third higher."""
    engine = connect(settings.database_url)
    generator, impressions, clicks = np.random.default_rng(7), [], []
    for user in range(2400):
        arm, when = ("variant", 0.4) if user % 2 else ("control", 0.3), at(user // 2 % 8, user)
        impressions.append(shown(f"u{user}", "i1", when, arm[0]))
        if generator.random() < arm[1]:
            clicks.append(acted(f"u{user}", "i1", when + timedelta(seconds=9)))
    lake = Lake(settings.lake)
    lake.append("impressions", pa.Table.from_pylist(impressions, schema=Impression.arrow_schema()))
    lake.append("interactions", pa.Table.from_pylist(clicks, schema=Interaction.arrow_schema()))
    experiments = Experiments(engine, START.timestamp)
    door = Door(ReleaseStore(settings.releases), Pointers(engine), settings.home / "models")
    arms = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5, release=release))
    experiments.create(
        Experiment(
            id="x1",
            hypothesis=f"The new ranker shows more that is clicked {MARKUP}",
            arms=arms,
            guardrails=("clicks_per_user:0.2",),
            window_days=1,
            smallest_effect=0.05,
        ),
        who="ann",
    )
    experiments.start("x1", who="ann")
    rooms = Rooms(experiments, lake, door, lambda: at(9).timestamp(), Resources(spill=settings.home))
    analyse_experiment(rooms, "x1", (START + timedelta(days=8)).date())
    engine.dispose()


def write_reports(home: Path) -> None:
    """A drift report with one breach, and one page of Data Docs; both with a script."""
    folder, site = reports(home), data_docs(home) / "validations" / "interactions"
    folder.mkdir(parents=True, exist_ok=True)
    site.mkdir(parents=True, exist_ok=True)
    script = "<script>document.body.remove()</script>"
    (folder / "2026-03-28.html").write_text(f"<h1>Drift</h1>{script}")
    (site / "run.html").write_text(f"<h1>Interactions</h1>{script}")
    still = DriftFigure(
        section=Section.SCORES, name="score", measure=Measure.PSI, effect=0.02, bar=0.2, test="ks", p_value=0.4
    )
    moved = still.model_copy(update={"section": Section.LABELS, "name": "category", "effect": 0.31, "breach": True})
    report = DriftReport(
        date=START.date(),
        champion="r00000000000b",
        reference_from=at(-35),
        reference_to=at(-7),
        current_from=at(-7),
        current_to=START,
        reference_users=900,
        current_users=800,
        alpha=0.01,
        figures=(still, moved),
        measured_at=START,
    )
    latest(home).write_text(report.model_dump_json())


def _table(rows: list[Any], kind: Any) -> pa.Table:
    return pa.Table.from_pylist([row.model_dump() for row in rows], schema=kind.arrow_schema())
