"""The steps of the daily run and what each reads: the one list that Airflow's DAG and ``train --local`` follow."""

import importlib
from dataclasses import dataclass
from typing import Any

from contracts.settings import Settings
from training.jobs.run import StepFunction, open_run, perform


@dataclass(frozen=True)
class Step:
    """``function`` is ``module:name`` under training.jobs. ``needs`` are the steps whose outputs it reads. ``always``
    repeats it on every call: its effect lies outside the run's directory."""

    name: str
    function: str
    needs: tuple[str, ...]
    always: bool = False


MODELS = ("train_two_tower", "train_als", "train_item_models")

STEPS = (
    Step("clean", "clean:clean", ()),
    Step("features", "features:features", ("clean",)),
    Step("validate_lake", "validate:validate_lake", ("clean",)),
    Step("training_set", "training_set:training_set", ("features", "validate_lake")),
    Step("validate_training_set", "validate:validate_training_set", ("training_set",)),
    Step("train_two_tower", "models:train_two_tower", ("validate_training_set",)),
    Step("train_als", "models:train_als", ("validate_lake",)),
    Step("train_item_models", "models:train_item_models", ("validate_lake",)),
    Step("train_rankers", "rankers:train_rankers", MODELS),
    Step("seed_histories", "histories:seed_histories", ("clean", "validate_lake"), always=True),
    Step("assemble", "assemble:assemble", (*MODELS, "train_rankers")),
    Step("evaluate", "evaluate:evaluate", ("assemble", "train_item_models", "train_rankers"), always=True),
    Step("gate", "gate:gate", ("evaluate",)),
    Step("publish", "publish:publish", ("gate",), always=True),
    Step("export", "export:export", ("publish", "seed_histories"), always=True),
    Step("register", "register:register", ("publish",), always=True),
    Step("promote", "register:promote", ("export", "register"), always=True),
    Step("refused", "register:refused", ("gate",), always=True),
)

BY_NAME = {step.name: step for step in STEPS}
SHIPPING = ("publish", "export", "register", "promote")
"""Steps that run only when the gate has passed; otherwise ``refused`` does."""


def run_step(run_id: str, name: str, settings: Settings | None = None) -> dict[str, Any]:
    """Performs one step of a planned run and returns its report."""
    step = BY_NAME[name]
    run = open_run(run_id, settings or Settings())
    module, function = step.function.split(":")
    body: StepFunction = getattr(importlib.import_module(f"training.jobs.{module}"), function)
    return perform(run, name, body, step.needs, always=step.always)
