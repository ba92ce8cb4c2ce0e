"""A step loads what it needs and no more: each runs in a process of its own, and TensorFlow alone takes seconds."""

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "pyspark", "feast", "mlflow", "great_expectations", "lightgbm", "scann")


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        (("plan", "run", "steps", "gate", "publish", "register", "assemble", "questions", "dataset"), ()),
        (("validate",), ("great_expectations",)),
        (("clean", "features"), ("pyspark",)),
        (("training_set", "export"), ("feast",)),
    ],
)
def test_modules_of_steps_do_not_import_what_they_do_not_need(
    modules: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    imports = "; ".join(f"import training.jobs.{module}" for module in modules)
    code = f"import sys; {imports}; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert set(HEAVY) & loaded <= set(allowed)
