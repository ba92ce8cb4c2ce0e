"""The newest drift report as gauges. The weekly job ends long before a scrape could meet it; its file stays, so the
page that is scraped anyway reads that file, and no push gateway has to be run and cleaned."""

import logging
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import ValidationError

from contracts.drift import DriftReport, latest

log = logging.getLogger(__name__)


class DriftGauges(Collector):
    """Nothing before the first report, or of one that another version wrote. Reads the file at every scrape."""

    def __init__(self, home: Path) -> None:
        self._file = latest(home)

    def collect(self) -> Iterator[Metric]:
        """Effect and verdict of every figure, and when it was measured."""
        if not self._file.is_file():
            return
        try:
            report = DriftReport.model_validate_json(self._file.read_bytes())
        except ValidationError as error:
            log.warning("the drift report %s is of another version: %s", self._file, error.errors()[0]["msg"])
            return
        labels = ["section", "figure", "measure"]
        effect = GaugeMetricFamily("headwater_drift_effect", "How far a figure moved", labels=labels)
        bar = GaugeMetricFamily("headwater_drift_bar", "From which effect a person should look", labels=labels)
        breach = GaugeMetricFamily("headwater_drift_breach", "1 where a person should look", labels=labels)
        for figure in report.figures:
            values = [figure.section.value, figure.name, figure.measure.value]
            effect.add_metric(values, figure.effect)
            bar.add_metric(values, figure.bar)
            breach.add_metric(values, float(figure.breach))
        measured = GaugeMetricFamily("headwater_drift_measured_timestamp_seconds", "When drift was last measured")
        measured.add_metric([], report.measured_at.timestamp())
        yield from (effect, bar, breach, measured)
