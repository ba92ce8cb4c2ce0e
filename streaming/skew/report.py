"""What a skew report says, and how it is kept: ``<home>/reports/skew/<date>.html``, and ``latest.json`` beside it."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, computed_field

BOUND = 0.02
"""Share of a feature's values that may differ: what was clicked in the blink before an answer, and late events."""

FORGIVEN = 2
"""Differing values that are never a breach: a small sample proves nothing."""

RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""Two values are equal within ``ABSOLUTE + RELATIVE · |training's|``: both were rounded to float32 on the way."""

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}.breach{background:#fdecea}"
    "td,th{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}"
)


class FeatureSkew(BaseModel):
    """One feature: values compared, values that differ, the greatest difference."""

    model_config = ConfigDict(frozen=True)

    name: str
    compared: int
    differing: int
    greatest: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def breach(self) -> bool:
        """Whether more differ than the bound allows."""
        return self.differing > max(FORGIVEN, BOUND * self.compared)


class SkewReport(BaseModel):
    """All features of one day. ``users`` is how many were looked at."""

    model_config = ConfigDict(frozen=True)

    date: date
    users: int
    features: list[FeatureSkew]

    @property
    def breaches(self) -> list[str]:
        """The features above the bound."""
        return [feature.name for feature in self.features if feature.breach]

    def write(self, folder: Path) -> Path:
        """Writes the page and ``latest.json``; returns the page's path."""
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f"{self.date.isoformat()}.html"
        written.write_text(self.page())
        (folder / "latest.json").write_text(self.model_dump_json(indent=1) + "\n")
        return written

    def page(self) -> str:
        """The page as HTML, what differs most first."""
        rows = "".join(
            f"<tr{' class=breach' if f.breach else ''}><td>{escape(f.name)}</td><td>{f.compared:,}</td>"
            f"<td>{f.differing:,}</td><td>{f.differing / f.compared:.2%}</td><td>{f.greatest:.4g}</td></tr>"
            for f in sorted(self.features, key=lambda f: -f.differing / f.compared)
        )
        verdict = f"Above the bound: {', '.join(self.breaches)}." if self.breaches else "Nothing is above the bound."
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Skew {self.date}</title><style>{_STYLE}</style>"
            f"<h1>Training-serving skew on {self.date}</h1><p><b>{escape(verdict)}</b> {self.users:,} users; at most "
            f"{BOUND:.0%} of a feature's values may differ between training and serving.</p>"
            "<table><tr><th>feature</th><th>compared</th><th>differ</th><th>share</th><th>greatest difference</th></tr>"
            f"{rows}</table></html>"
        )


def compare(
    names: Sequence[str], training: npt.NDArray[np.float64], serving: npt.NDArray[np.float64], prefix: str
) -> list[FeatureSkew]:
    """One figure a column of two tables [n, len(names)]; none where n is 0."""
    if not len(training):
        return []
    differ = ~np.isclose(serving, training, rtol=RELATIVE, atol=ABSOLUTE)
    return [
        FeatureSkew(
            name=f"{prefix}{name}",
            compared=len(training),
            differing=int(differ[:, at].sum()),
            greatest=float(np.abs(serving[:, at] - training[:, at]).max()),
        )
        for at, name in enumerate(names)
    ]


def by_column(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Rows as a table [n, len(names)], zero for what a row lacks: so does training read what an entity never had."""
    return np.array([[row.get(name, 0.0) for name in names] for row in rows], np.float64).reshape(len(rows), len(names))
