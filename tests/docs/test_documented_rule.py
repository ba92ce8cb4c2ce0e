"""The assignment rule as documented for others gives what the code gives."""

import re
from pathlib import Path

from experimentation.assignment import uniform

PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"


def test_the_documented_check_value_is_the_codes() -> None:
    found = re.search(r'`u\("arm:demo", "user-1"\)` is ([\d.]+)\.', PAGE.read_text())
    assert found is not None
    assert float(found[1]) == uniform("arm:demo", "user-1")


def test_the_documented_python_gives_the_same_number() -> None:
    source = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert source is not None
    scope: dict[str, object] = {}
    exec(source[1], scope)
    documented = scope["u"]
    assert callable(documented)
    assert documented("enrol:group/home", "ü-1") == uniform("enrol:group/home", "ü-1")
