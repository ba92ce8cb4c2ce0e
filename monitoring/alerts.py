"""Breaches for a person on call, in the shape in which Alertmanager calls a webhook (its version 4)."""

import hashlib

import httpx

from contracts.drift import DriftFigure, DriftReport
from contracts.errors import UnavailableError

ALERT = "HeadwaterDrift"
RUNBOOK = "docs/runbooks/drift.md"
_NEVER = "0001-01-01T00:00:00Z"
_SECONDS = 10.0


def message(report: DriftReport, page: str) -> dict[str, object]:
    """The body for all breaches of ``report``; ``page`` is where a person reads more."""
    common = {"alertname": ALERT, "severity": "warning", "champion": report.champion}
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{ALERT}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "headwater",
        "groupLabels": {"alertname": ALERT},
        "commonLabels": common,
        "commonAnnotations": {"runbook": RUNBOOK},
        "externalURL": page,
        "alerts": [_alert(report, figure, common, page) for figure in report.breaches],
    }


def send(webhook: str, report: DriftReport, page: str) -> None:
    """Posts the breaches. Raises UnavailableError where the receiver does not take them."""
    try:
        httpx.post(webhook, json=message(report, page), timeout=_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise UnavailableError(
            "the alert webhook", f"{error or type(error).__name__}; see the setting alert_webhook"
        ) from error


def _alert(report: DriftReport, figure: DriftFigure, common: dict[str, str], page: str) -> dict[str, object]:
    labels = {**common, "section": figure.section.value, "figure": figure.name}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": f"{figure.section.value}, {figure.name}: {figure.measure.value} {figure.effect:.3f} "
            f"(bar {figure.bar:g}) in the week to {report.current_to:%Y-%m-%d}",
            "runbook": RUNBOOK,
        },
        "startsAt": report.current_to.isoformat(),
        "endsAt": _NEVER,
        "generatorURL": page,
        "fingerprint": hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16],
    }
