"""A page about one experiment for a person who has not studied statistics. One file, no script, no network."""

from html import escape
from typing import Any

WIDTH, HEIGHT, MARGIN = 720, 260, 48

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}.state{font-size:1.3rem;font-weight:600}.small{color:#666}"
)

_MEANING = {
    "running": "Still running: the data does not yet show which arm is better.",
    "hold": "On hold: something is wrong with the data, so nothing may be concluded. A person should look.",
    "promote": "Better: the new version is shown to be better by enough to be worth shipping.",
    "rollback": "Worse: the new version is shown to do harm.",
    "futile": "Not worth it: even at best the gain is smaller than what was said to be worth shipping.",
    "inconclusive": "The longest run time is over and neither arm is shown to be better.",
}


def page(metrics: dict[str, Any], hypothesis: str = "") -> str:
    """The page as HTML, from the answer of ``GET /v1/experiments/{id}/metrics``."""
    comparison, decision = metrics["comparison"], metrics["decision"]
    srm = comparison["srm"]
    plots = "".join(f"<h2>{escape(arm)} against control</h2>{_plot(looks)}" for arm, looks in metrics["looks"].items())
    rails = "".join(
        f"<tr><td>{escape(one['metric'])}</td><td>{escape(one['state'])}</td><td>{_lift(one)}</td></tr>"
        for one in comparison["guardrails"]
    )
    split = (
        "Users were split as declared."
        if srm["ok"]
        else "Users were <b>not</b> split as declared: something loses users in one arm, so no comparison is fair."
    )
    left_out = metrics["left_out"]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(metrics['id'])}</title>"
        f"<style>{_STYLE}</style><h1>{escape(metrics['id'])}</h1><p>{escape(hypothesis)}</p>"
        f"<p class=state>{escape(_MEANING.get(decision['state'], decision['state']))}</p>"
        f"<p>{escape(decision['reason'])}</p>"
        f"<h2>What users did</h2>{_arms(metrics['arms'])}{plots}"
        "<p class=small>The band holds the true difference at every day at once, with at most 5 % error in all: it may "
        "be read on any day. When it leaves the zero line the difference is shown. Each user counts once, with what "
        "happens in the days after the first visit.</p>"
        f"<h2>What must not get worse</h2>"
        f"{f'<table><tr><th>metric</th><th>state</th><th>change</th></tr>{rails}</table>' if rails else '<p>none</p>'}"
        f"<h2>Can it be trusted?</h2><p>{split} (p = {srm['p_value']:.3g})</p>"
        f"<p>Left out: {left_out['met_several_arms']} users who met several arms, "
        f"{sum(left_out['bots'].values())} who click nearly everything. Days without data: "
        f"{escape(', '.join(metrics['missing_days'])) or 'none'}. Past behaviour explains "
        f"{comparison['cuped']['variance_reduction']:.0%} of the noise and was taken out.</p></html>"
    )


def _arms(arms: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['name'])}</td><td>{escape(one['release'] or '–')}</td><td>{one['users']:,}</td>"
        f"<td>{one['impressions']:,}</td><td>{one['clicks']:,}</td><td>{one['ctr']:.3%}</td>"
        f"<td>{one['conversion_rate']:.3%}</td></tr>"
        for one in arms
    )
    return (
        "<table><tr><th>arm</th><th>release</th><th>users</th><th>shown</th><th>clicked</th><th>click rate</th>"
        f"<th>users who bought</th></tr>{rows}</table>"
    )


def _lift(one: dict[str, Any]) -> str:
    low, high = one["lift_interval"]
    return f"{one['lift']:+.2%}" + ("" if low is None else f" ({low:+.2%} to {high:+.2%})")


def _plot(looks: list[dict[str, Any]]) -> str:
    ready = [one for one in looks if one["lift_interval"][0] is not None]
    if not ready:
        return "<p>Too few users with complete windows for a comparison yet.</p>"
    low: float = min(0.0, *(one["lift_interval"][0] for one in ready))
    high: float = max(0.0, *(one["lift_interval"][1] for one in ready))
    first: int = ready[0]["day"]
    last: int = max(ready[-1]["day"], first + 1)

    def x(day: float) -> float:
        return MARGIN + (day - first) / (last - first) * (WIDTH - 2 * MARGIN)

    def y(lift: float) -> float:
        return HEIGHT - MARGIN - (lift - low) / ((high - low) or 1.0) * (HEIGHT - 2 * MARGIN)

    upper = [f"{x(one['day']):.1f},{y(one['lift_interval'][1]):.1f}" for one in ready]
    lower = [f"{x(one['day']):.1f},{y(one['lift_interval'][0]):.1f}" for one in reversed(ready)]
    middle = " ".join(f"{x(one['day']):.1f},{y(one['lift']):.1f}" for one in ready)
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='lift by day with its interval'>"
        f"<polygon points='{' '.join(upper + lower)}' fill='#9cc9f0' opacity='.6'/>"
        f"<polyline points='{middle}' fill='none' stroke='#1565c0' stroke-width='2'/>"
        f"<line x1='{MARGIN}' x2='{WIDTH - MARGIN}' y1='{y(0):.1f}' y2='{y(0):.1f}' stroke='#333'/>"
        f"<text x='2' y='{y(0) + 4:.1f}' font-size='12'>no change</text>"
        f"<text x='2' y='{y(high) + 4:.1f}' font-size='12'>{high:+.1%}</text>"
        f"<text x='2' y='{y(low) + 4:.1f}' font-size='12'>{low:+.1%}</text>"
        f"<text x='{MARGIN}' y='{HEIGHT - 12}' font-size='12'>day {first + 1}</text>"
        f"<text x='{WIDTH - MARGIN - 40}' y='{HEIGHT - 12}' font-size='12'>day {ready[-1]['day'] + 1}</text></svg>"
    )
