"""From two samples to figures, and from figures to a verdict.

Two things must be true of a breach. It is certain: its p-value, corrected for all tests of the report (Holm,
Scandinavian Journal of Statistics 1979), is below ALPHA. And it matters: its effect reaches a bar; with enough users
every difference is certain.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from contracts.drift import DriftFigure, Measure, Section
from contracts.events import ACTION_CODES
from experimentation.ratio import difference, ratio
from feature_repo import user_daily
from monitoring.calibration import Reliability, learnable, reliability
from monitoring.distances import category_counts, chi_squared, ks, psi, psi_of_counts
from monitoring.sampling import METRIC, Sample
from monitoring.two_sample import classifier_test

Values = npt.NDArray[np.float64]

ALPHA = 0.001
"""Chance that a report of an unchanged world holds a certain difference: one in twenty years of weeks."""

BARS = {Measure.PSI: 0.2, Measure.AUC: 0.6, Measure.CHANGE: 0.1, Measure.ECE: 0.3}
"""Effects from which a person should look."""

LEAST_ROWS = 50
"""A figure with fewer rows in a sample is left out."""

DIRECTIONS = 8
"""Principal directions of the reference along which embeddings are looked at one by one."""


def compare(
    reference: Sample,
    current: Sample,
    found: Reliability | None,
    *,
    categories: int,
    items: int,
    days_before: float,
    learned: bool,
    seed: int,
) -> list[DriftFigure]:
    """Every figure that both samples have enough rows for, judged. ``found`` is their ``reliability_of``;
    ``categories`` and ``items`` are how many there are, ``days_before`` the days of data before each week;
    ``learned``: the champion has learned from one of the weeks and not from the other, so that its scores and its
    quality are shown without a test (they would differ in an unchanged world)."""
    figures = [
        *_features(reference, current, days_before, seed),
        *_labels(reference, current, categories, items),
        *_embeddings("users", reference.user_vectors, current.user_vectors, seed),
        *_embeddings("items", reference.item_vectors, current.item_vectors, seed),
        *_served(reference, current, learned),
        *_calibration(found, learned),
    ]
    return judged(figures)


def judged(figures: Sequence[DriftFigure], alpha: float = ALPHA) -> list[DriftFigure]:
    """The figures with ``p_adjusted`` by Holm's step-down method over those that were tested, and ``breach``."""
    tested = sorted((f for f in figures if f.test is not None), key=lambda f: f.p_value or 0.0)
    adjusted: dict[int, float] = {}
    highest = 0.0
    for place, figure in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - place) * (figure.p_value or 0.0)))
        adjusted[id(figure)] = highest
    return [
        figure
        if id(figure) not in adjusted
        else figure.model_copy(
            update={
                "p_adjusted": adjusted[id(figure)],
                "breach": adjusted[id(figure)] < alpha and figure.effect >= figure.bar,
            }
        )
        for figure in figures
    ]


def reliability_of(reference: Sample, current: Sample, seed: int) -> Reliability | None:
    """The ranker's reliability; None without enough pages, or where nobody, or everybody, clicked."""
    one, two = reference.shown, current.shown
    if one is None or two is None or not (learnable(one) and learnable(two)) or min(len(one), len(two)) < LEAST_ROWS:
        return None
    return reliability(one, two, seed)


def _figure(
    section: Section, name: str, measure: Measure, effect: float, test: str | None, p_value: float | None,
    means: tuple[float, float] | None = None,
) -> DriftFigure:  # fmt: skip
    before, now = means or (None, None)
    return DriftFigure(
        section=section, name=name, measure=measure, effect=effect, bar=BARS[measure], test=test,
        p_value=p_value, reference=before, current=now,
    )  # fmt: skip


def _numeric(section: Section, name: str, one: Values, two: Values) -> Iterator[DriftFigure]:
    one, two = one[np.isfinite(one)], two[np.isfinite(two)]
    if min(len(one), len(two)) >= LEAST_ROWS:
        means = float(one.mean()), float(two.mean())
        yield _figure(section, name, Measure.PSI, psi(one, two), "Kolmogorov-Smirnov", ks(one, two), means)


def _told_apart(section: Section, name: str, one: npt.NDArray[np.float32], two: npt.NDArray[np.float32], seed: int
                ) -> Iterator[DriftFigure]:  # fmt: skip
    if min(len(one), len(two)) >= LEAST_ROWS:
        told = classifier_test(one, two, seed)
        yield _figure(section, name, Measure.AUC, told.auc, "classifier", told.p_value)


def _features(reference: Sample, current: Sample, days_before: float, seed: int) -> Iterator[DriftFigure]:
    """Features that count over so many days as there are before both weeks: one that counts over more, or for ever,
    grows in a world that stands still."""
    days = {column: feature.days for column, feature in enumerate(user_daily.FEATURES)}
    windowed = [column for column, counted in days.items() if counted is not None and counted <= days_before]
    for column in windowed:
        one, two = (sample.features[:, column].astype(np.float64) for sample in (reference, current))
        yield from _numeric(Section.FEATURES, user_daily.FEATURES[column].name, one, two)
    if not windowed:
        return
    tables = [sample.features[:, windowed] for sample in (reference, current)]
    whole = [table[np.isfinite(table).all(axis=1)] for table in tables]
    yield from _told_apart(Section.FEATURES, "all together", whole[0], whole[1], seed)


def _labels(reference: Sample, current: Sample, categories: int, items: int) -> Iterator[DriftFigure]:
    yield from _numeric(Section.LABELS, "popularity of what is chosen", reference.popularity, current.popularity)
    for name, one, two, kinds in (
        ("kind of action", reference.actions, current.actions, max(ACTION_CODES.values()) + 1),
        ("category chosen", reference.categories, current.categories, categories),
        ("item chosen", reference.items, current.items, items),
    ):
        if min(len(one), len(two)) >= LEAST_ROWS:
            table = category_counts(one, two, kinds)
            effect = psi_of_counts(table[0], table[1])
            yield _figure(Section.LABELS, name, Measure.PSI, effect, "chi-squared", chi_squared(table))
    if min(len(reference.clicks), len(current.clicks)) >= LEAST_ROWS:
        before, now = (ratio(sample.clicks, sample.impressions) for sample in (reference, current))
        gap = difference(now, before)
        p_value = 2 * float(stats.norm.sf(abs(gap.effect) / gap.standard_error)) if gap.standard_error else 1.0
        yield _figure(Section.LABELS, "click rate", Measure.CHANGE, abs(gap.lift), "delta method", p_value,
                      (before.value, now.value))  # fmt: skip


def _embeddings(
    name: str, one: npt.NDArray[np.float32] | None, two: npt.NDArray[np.float32] | None, seed: int
) -> Iterator[DriftFigure]:
    if one is None or two is None or min(len(one), len(two)) < LEAST_ROWS:
        return
    centre = one.mean(axis=0)
    _, _, directions = np.linalg.svd(one - centre, full_matrices=False)
    for place, direction in enumerate(directions[:DIRECTIONS], start=1):
        along = [((vectors - centre) @ direction).astype(np.float64) for vectors in (one, two)]
        yield from _numeric(Section.EMBEDDINGS, f"{name}, direction {place}", along[0], along[1])
    yield from _told_apart(Section.EMBEDDINGS, f"{name}, all together", one, two, seed)


def _served(reference: Sample, current: Sample, learned: bool) -> Iterator[DriftFigure]:
    if min(reference.users, current.users) < LEAST_ROWS:
        return
    for figure in _numeric(Section.SCORES, "score of the first item", reference.scores, current.scores):
        yield figure.model_copy(update={"test": None, "p_value": None}) if learned else figure
    before, now = float(reference.metric.mean()), float(current.metric.mean())
    loss = (before - now) / before if before else 0.0
    p_value = float(stats.mannwhitneyu(current.metric, reference.metric, alternative="less").pvalue)
    yield _figure(Section.QUALITY, f"{METRIC} of the champion, loss", Measure.CHANGE, loss,
                  None if learned else "Mann-Whitney", None if learned else p_value, (before, now))  # fmt: skip


def _calibration(found: Reliability | None, learned: bool) -> Iterator[DriftFigure]:
    if found is not None:
        predicted = float((found.predicted * found.rows).sum() / found.rows.sum())
        yield _figure(
            Section.CALIBRATION, "click rate that scores promise", Measure.ECE, found.error / found.rate,
            None if learned else "resampling by user", None if learned else found.p_value, (predicted, found.rate),
        )  # fmt: skip
