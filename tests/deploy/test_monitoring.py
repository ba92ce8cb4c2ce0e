"""Rules fire on what they are for, each has a runbook, and dashboards name only figures that our programs have."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry

from contracts.drift import DriftFigure, DriftReport, Measure, Section, latest
from serving.gateway import metrics
from serving.gateway.drift import DriftGauges
from streaming.consumer.metrics import ConsumerMetrics
from streaming.outcomes import OutcomeMetrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES: list[dict[str, Any]] = [
    rule
    for file in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
ROWS = ("Latency", "Answers", "Outcomes", "Features", "Stream", "Drift")


def promtool(*arguments: str) -> None:
    if shutil.which("promtool") is None:
        reason = "promtool is missing: install Debian's package prometheus"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def names_in(expression: str) -> set[str]:
    """The figures of ours that a PromQL expression names; what stands in quotes is a label's value."""
    return set(re.findall(r"headwater[_:][a-zA-Z0-9_:]+", re.sub(r'"[^"]*"', "", expression)))


def report() -> DriftReport:
    figure = DriftFigure(
        section=Section.LABELS, name="click rate", measure=Measure.CHANGE, effect=0.5, bar=0.2, test="delta method",
        p_value=0.0, p_adjusted=0.0, breach=True,
    )  # fmt: skip
    moment = "2026-11-23T00:00:00Z"
    return DriftReport.model_validate(
        {
            "date": "2026-11-22", "champion": "r1", "reference_from": moment, "reference_to": moment,
            "current_from": moment, "current_to": moment, "reference_users": 1, "current_users": 1, "alpha": 0.001,
            "figures": [figure], "measured_at": moment,
        }
    )  # fmt: skip


@pytest.fixture
def figures(tmp_path: Path) -> set[str]:
    """The names under which our programs expose figures."""
    latest(tmp_path).parent.mkdir(parents=True)
    latest(tmp_path).write_text(report().model_dump_json())
    drift, consumer = CollectorRegistry(), ConsumerMetrics()
    drift.register(DriftGauges(tmp_path))
    OutcomeMetrics(consumer.registry)
    found = set()
    for registry in (REGISTRY, consumer.registry, drift):
        for family in registry.collect():
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            found |= {family.name + suffix for suffix in suffixes}
    return found


def test_the_rules_pass_promtools_own_tests() -> None:
    promtool("check", "config", "deploy/prometheus/prometheus.yml")
    promtool("test", "rules", *(str(file) for file in sorted((ROOT / "tests" / "deploy" / "promtool").glob("*.yml"))))


def test_every_alert_is_tested_by_promtool() -> None:
    text = (ROOT / "tests" / "deploy" / "promtool" / "alerts.yml").read_text()
    tested = {test["alertname"] for group in yaml.safe_load(text)["tests"] for test in group.get("alert_rule_test", [])
              if test.get("exp_alerts")}  # fmt: skip
    assert tested == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "warning"}
    assert rule["annotations"]["summary"]
    runbook = (ROOT / rule["annotations"]["runbook"]).read_text()
    for heading in ("## What it means", "## Look at", "## Do"):
        assert heading in runbook


def test_every_runbook_belongs_to_an_alert() -> None:
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert written == {rule["annotations"]["runbook"] for rule in ALERTS}


def test_rules_and_dashboards_name_only_figures_that_exist(figures: set[str]) -> None:
    known = figures | {rule["record"] for rule in RULES if "record" in rule}
    asked = [rule["expr"] for rule in RULES] + [one for file in DASHBOARDS for one in expressions(file)]
    assert {name for expression in asked for name in names_in(expression)} <= known


def test_there_is_a_row_for_everything_that_is_watched() -> None:
    (dashboard,) = DASHBOARDS
    content = json.loads(dashboard.read_text())
    assert [panel["title"] for panel in content["panels"] if panel["type"] == "row"] == list(ROWS)
    named = {name for one in expressions(dashboard) for name in names_in(one)}
    for name in ("request_seconds:p50", "request_seconds:p95", "stage_seconds:p50", "stage_seconds:p95", "ctr:ratio1h",
                 "conversion:ratio1h", "user_rows:hit_ratio", "user_rows:stale_ratio"):  # fmt: skip
        assert f"headwater:{name}" in named
    assert "headwater_drift_effect" in named
    source = yaml.safe_load((DEPLOY / "grafana" / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    assert {p["datasource"]["uid"] for p in content["panels"] if p["type"] != "row"} == {source["uid"]}


def test_a_report_of_another_version_hides_nothing_else(tmp_path: Path) -> None:
    latest(tmp_path).parent.mkdir(parents=True)
    latest(tmp_path).write_text('{"version": "of the future"}')
    exposed = metrics.exposition(None, tmp_path).decode()
    assert "headwater_requests_total" in exposed
    assert "headwater_drift" not in exposed
    latest(tmp_path).write_text(report().model_dump_json())
    line = 'headwater_drift_breach{figure="click rate",measure="relative change",section="labels"} 1.0'
    assert line in metrics.exposition(None, tmp_path).decode()
