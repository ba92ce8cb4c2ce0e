"""The drift report for a person: what moved, by how much, what to do. One file, no script, no network."""

import io
from collections.abc import Sequence
from html import escape

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from contracts.drift import DriftFigure, DriftReport, Section
from feature_repo import user_daily
from monitoring.calibration import Reliability
from monitoring.sampling import Sample

Values = npt.NDArray[np.float64]

SHOWN = 4
"""Distributions that are drawn: those that moved most."""

ADVICE = {
    Section.FEATURES: "Users come or act more, or less, than they did. See whether a source of events stopped or "
    "doubled (headwater lake list, the consumer's dead letters); if the change is real, train again.",
    Section.LABELS: "What people choose has changed: other items, other categories or other clicks. A sale, a new "
    "catalogue or a broken page can do that; if it stays, train again.",
    Section.EMBEDDINGS: "Users, or the items they choose, lie where the models saw few before. Train again; if it "
    "comes back every week, train more often.",
    Section.SCORES: "The champion scores the present otherwise than its own data. Look at the features first: the "
    "models are the same, so their inputs have moved.",
    Section.QUALITY: "The champion finds less of what people then chose. Train again and compare at the gate; roll "
    "back if a new release caused it (headwater release rollback).",
    Section.CALIBRATION: "Scores no longer stand for the click rates they stood for. Thresholds and mixtures that use "
    "scores are off; train the ranker again.",
}

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}.moved{background:#fdecea}.verdict{font-size:1.3rem;"
    "font-weight:600}.small{color:#666}svg{max-width:100%;height:auto}"
)


def page(report: DriftReport, reference: Sample, current: Sample, found: Reliability | None) -> str:
    """The page as HTML."""
    breaches = report.breaches
    verdict = (
        "Nothing moved enough to act on."
        if not breaches
        else f"{len(breaches)} figures moved: {', '.join(sorted({f.section.value for f in breaches}))}."
    )
    todo = "".join(
        f"<li><b>{section.value}</b>: {escape(advice)}</li>"
        for section, advice in ADVICE.items()
        if section in {f.section for f in breaches}
    )
    diagram = "" if found is None else f"<h2>Do scores still mean what they meant?</h2>{_svg(_diagram(found))}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Drift {report.date}</title><style>{_STYLE}</style>"
        f"<h1>Drift on {report.date}</h1><p class=verdict>{escape(verdict)}</p>"
        f"<p>The week {report.current_from:%Y-%m-%d %H:%M} to {report.current_to:%Y-%m-%d %H:%M} "
        f"({report.current_users:,} users) against {report.reference_from:%Y-%m-%d %H:%M} to "
        f"{report.reference_to:%Y-%m-%d %H:%M} ({report.reference_users:,} other users), the last week of the training "
        f"window of champion {escape(report.champion)} that lies before it. Times are UTC.</p>"
        f"{f'<h2>What to do</h2><ul>{todo}</ul>' if todo else ''}"
        f"<h2>How far each figure moved</h2>{_svg(_overview(report.figures))}{_table(report.figures)}"
        f"<p class=small>A figure is marked where it moved by its bar or more and chance explains that less often than "
        f"once in {1 / report.alpha:,.0f} reports (all tests corrected together, Holm). A figure without a p-value is "
        f"not tested: the champion has learned from one of the two weeks.</p>"
        f"<h2>What moved most</h2>{''.join(_svg(one) for one in _histograms(report.figures, reference, current))}"
        f"{diagram}</html>"
    )


def _table(figures: Sequence[DriftFigure]) -> str:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.4g}"

    rows = "".join(
        f"<tr{' class=moved' if f.breach else ''}><td>{f.section.value}</td><td>{escape(f.name)}</td>"
        f"<td>{number(f.reference)}</td><td>{number(f.current)}</td><td>{f.measure.value}</td><td>{f.effect:.3f}</td>"
        f"<td>{f.bar:g}</td><td>{number(f.p_adjusted)}</td></tr>"
        for f in sorted(figures, key=lambda f: -f.effect / f.bar)
    )
    heads = ("about", "figure", "before", "now", "measure", "moved", "bar", "p")
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>"


def _overview(figures: Sequence[DriftFigure]) -> Figure:
    drawn = sorted(figures, key=lambda f: f.effect / f.bar)
    plot = Figure(figsize=(9, 1.2 + 0.25 * len(drawn)), layout="constrained")
    axes = plot.subplots()
    colours = ["tab:red" if f.breach else "tab:blue" for f in drawn]
    axes.barh([f"{f.section.value}: {f.name}" for f in drawn], [f.effect / f.bar for f in drawn], color=colours)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("moved, as a share of the bar")
    return plot


def _histograms(figures: Sequence[DriftFigure], reference: Sample, current: Sample) -> list[Figure]:
    drawn = []
    for figure in sorted(figures, key=lambda f: -f.effect / f.bar):
        one, two = _values(reference, figure), _values(current, figure)
        if one is not None and two is not None:
            drawn.append(_histogram(figure.name, one, two))
    return drawn[:SHOWN]


def _values(sample: Sample, figure: DriftFigure) -> Values | None:
    """The values behind a figure where a histogram shows them."""
    names = [feature.name for feature in user_daily.FEATURES]
    if figure.section is Section.FEATURES and figure.name in names:
        column = sample.features[:, names.index(figure.name)].astype(np.float64)
        return column[np.isfinite(column)]
    if figure.section is Section.SCORES:
        return sample.scores
    return sample.popularity if figure.name == "popularity of what is chosen" else None


def _histogram(name: str, one: Values, two: Values) -> Figure:
    plot = Figure(figsize=(7, 2.6), layout="constrained")
    axes = plot.subplots()
    edges = np.histogram_bin_edges(np.concatenate([one, two]), bins=30).tolist()
    for values, label in ((one, "training window"), (two, "last week")):
        axes.hist(values, edges, weights=np.full(len(values), 1 / len(values)), alpha=0.5, label=label)
    axes.set_title(name)
    axes.set_ylabel("share of users")
    axes.legend()
    return plot


def _diagram(found: Reliability) -> Figure:
    plot = Figure(figsize=(4.5, 4.2), layout="constrained")
    axes = plot.subplots()
    most = float(max(found.predicted.max(), found.observed.max()))
    axes.plot([0, most], [0, most], color="grey", linewidth=0.8)
    axes.plot(found.predicted, found.observed, "o-")
    axes.set_xlabel("click rate that the scores promise")
    axes.set_ylabel("click rate of last week")
    axes.set_title(f"calibration error {found.error:.4f}")
    return plot


def _svg(plot: Figure) -> str:
    drawn = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "drift"}):
        plot.savefig(drawn, format="svg", metadata={"Date": None})
    text = drawn.getvalue()
    return text[text.index("<svg") :]
