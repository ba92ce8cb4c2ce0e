"""Step gate: the verdict on what step evaluate measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.release import CHAMPION
from training.evaluation.gate import GateRules, Holdout
from training.evaluation.gate import gate as decide
from training.jobs.outputs import ANCHOR, USERS, VERDICT
from training.jobs.run import Run

BASELINES = ("popular", "item_knn")


def gate(run: Run, out: Path) -> Mapping[str, Any]:
    """Decides by the rules of ``training.evaluation.gate``. Report: passed, reasons, checks."""
    held, evaluated = np.load(run.output("evaluate") / USERS), run.report("evaluate")
    metric = run.settings.gate_metric
    values = {name.rsplit("/", 1)[0]: held[name] for name in held.files if name.endswith(f"/{metric}")}
    nobody: npt.NDArray[np.float64] = np.empty(0)
    holdout = Holdout(
        candidate=values.get(evaluated["candidate"], nobody),
        baselines={name: values[name] for name in BASELINES if name in values},
        champion=values.get(CHAMPION),
        anchor=values.get(ANCHOR),
        segments={n.removeprefix("segment/"): held[n] for n in held.files if n.startswith("segment/")},
        begins=evaluated["cut"],
        trained_to=evaluated["trained_to"],
    )
    rules = GateRules(metric=metric, margin=run.settings.gate_margin, strict=run.settings.gate_strict)
    verdict = decide(holdout, rules)
    (out / VERDICT).write_text(json.dumps(verdict.as_json(), indent=1))
    return {"passed": verdict.passed, "reasons": verdict.reasons, "checks": [c.reason for c in verdict.checks]}
