"""What a drift report says: ``<home>/reports/drift/latest.json``, written by ``monitoring``, read by who shows it."""

from datetime import date
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from contracts.rows import Instant


class Section(StrEnum):
    """What a figure is about."""

    FEATURES = "features"
    LABELS = "labels"
    EMBEDDINGS = "embeddings"
    SCORES = "scores"
    QUALITY = "quality"
    CALIBRATION = "calibration"


class Measure(StrEnum):
    """How large a change is: the population stability index, a classifier's AUC, a change as a share, or the expected
    calibration error as a share of the click rate."""

    PSI = "psi"
    AUC = "auc"
    CHANGE = "relative change"
    ECE = "relative calibration error"


class DriftFigure(BaseModel):
    """One comparison of the last week with the champion's training window. It is a ``breach`` where ``p_adjusted`` is
    below the report's alpha and ``effect`` reaches ``bar``. ``reference`` and ``current`` are means where there are
    such. ``test`` names the test of ``p_value``; without one the figure is shown and never breached."""

    model_config = ConfigDict(frozen=True)

    section: Section
    name: str
    measure: Measure
    effect: float
    bar: float
    test: str | None
    p_value: float | None
    p_adjusted: float | None = None
    breach: bool = False
    reference: float | None = None
    current: float | None = None


class DriftReport(BaseModel):
    """All figures of one date. Windows are [from, to), users those that were asked about."""

    model_config = ConfigDict(frozen=True)

    date: date
    champion: str
    reference_from: Instant
    reference_to: Instant
    current_from: Instant
    current_to: Instant
    reference_users: int
    current_users: int
    alpha: float
    figures: tuple[DriftFigure, ...]
    measured_at: Instant

    @property
    def breaches(self) -> tuple[DriftFigure, ...]:
        """The figures that call for a person, largest excess over its bar first."""
        return tuple(sorted((f for f in self.figures if f.breach), key=lambda f: f.bar - f.effect))


def reports(home: Path) -> Path:
    """Where an installation's drift reports lie."""
    return home / "reports" / "drift"


def latest(home: Path) -> Path:
    """The newest report's figures."""
    return reports(home) / "latest.json"
