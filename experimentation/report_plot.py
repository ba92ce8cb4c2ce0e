"""The sequence of an experiment over time, as SVG: the measured change, its band, and the zero line."""

from collections.abc import Callable
from typing import Any

import numpy as np

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 16, 34
TICKS = 5
WIDEST = 1.0
"""Changes beyond ± this, where a band begins wide, are cut off so that the rest can be read."""


def plot(looks: list[dict[str, Any]]) -> str:
    """From the looks of one arm, oldest first; a sentence where none has an interval yet."""
    ready = [one for one in looks if one["lift_interval"][0] is not None]
    if not ready:
        return "<p>Too few users with complete data for a comparison yet.</p>"
    bounds = np.clip([one["lift_interval"] for one in ready], -WIDEST, WIDEST)
    low, high = min(0.0, float(bounds.min())), max(0.0, float(bounds.max()))
    days = [one["day"] for one in ready]
    x = _scale(days[0], max(days[-1], days[0] + 1), LEFT, WIDTH - RIGHT)
    y = _scale(low, high if high > low else low + 1, HEIGHT - BOTTOM, TOP)
    upper = [(x(day), y(bound)) for day, bound in zip(days, bounds[:, 1].tolist(), strict=True)]
    lower = [(x(day), y(bound)) for day, bound in zip(days, bounds[:, 0].tolist(), strict=True)]
    middle = [(x(one["day"]), y(float(np.clip(one["lift"], -WIDEST, WIDEST)))) for one in ready]
    marks = "".join(f"<circle cx='{at:.1f}' cy='{value:.1f}' r='3' fill='#1565c0'/>" for at, value in middle)
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='measured change by day with its band'>"
        f"<polygon points='{_points(upper + lower[::-1])}' fill='#9cc9f0' opacity='.6'/>"
        f"<polyline points='{_points(middle)}' fill='none' stroke='#1565c0' stroke-width='2'/>{marks}"
        f"{_levels(low, high, y)}"
        f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y(0):.1f}' y2='{y(0):.1f}' stroke='#222' stroke-width='1.5'/>"
        f"{_days(days, x)}</svg>"
    )


def _scale(first: float, last: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - first) / (last - first) * (end - start)


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _levels(low: float, high: float, y: Callable[[float], float]) -> str:
    levels = {0.0, *np.linspace(low, high, TICKS).tolist()}
    return "".join(
        f"<text x='{LEFT - 8}' y='{y(level) + 4:.1f}' font-size='12' text-anchor='end'>"
        f"{'no change' if level == 0 else f'{level:+.1%}'}</text>"
        for level in sorted(levels)
        if level == 0 or abs(y(level) - y(0)) > 14
    )


def _days(days: list[int], x: Callable[[float], float]) -> str:
    chosen = sorted({days[place] for place in np.linspace(0, len(days) - 1, TICKS).round().astype(int).tolist()})
    return "".join(
        f"<text x='{x(day):.1f}' y='{HEIGHT - 12}' font-size='12' text-anchor='middle'>day {day + 1}</text>"
        for day in chosen
    )
