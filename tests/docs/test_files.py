"""The files that the documentation lets a reader write are taken by the code that reads them."""

import pytest
import yaml

from contracts.experiment import Experiment
from experimentation.guardrails import Guardrail
from lake.mapping import parse_mapping
from pipeline.rules import parse_rules
from tests.docs.commands import TREE, files

DOCS = TREE / "docs"


@pytest.mark.parametrize(
    ("page", "name"), [("tutorial.md", "ranker.yaml"), ("howto/run-an-experiment.md", "fewer-candidates.yaml")]
)
def test_an_experiment(page: str, name: str) -> None:
    experiment = Experiment.model_validate(yaml.safe_load(files(DOCS / page)[name]))
    assert f"{experiment.id}.yaml" == name
    assert [Guardrail.parse(one).metric for one in experiment.guardrails] in ([], ["clicks_per_user"])


def test_rules() -> None:
    rules = parse_rules(files(DOCS / "howto" / "change-the-rules.md")["rules.yaml"])
    assert (rules.deny, rules.pin[0].item, rules.seen.view) == (("i17",), "i42", 7)


def test_a_mapping() -> None:
    mapping = parse_mapping(yaml.safe_load(files(DOCS / "howto" / "import-warehouse-tables.md")["warehouse.yaml"]))
    assert mapping.columns["interactions"]["user_id"] == "customer_no"
    assert mapping.values["action"]["cart"] == "click"
