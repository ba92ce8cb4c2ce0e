"""A page about one experiment for a person who has not studied statistics. One file, no script, no network."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from experimentation.interleaving import METRIC as PREFERENCE
from experimentation.report_plot import plot

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left;white-space:nowrap}.wide td,.wide th{padding:.2rem .35rem;"
    "font-size:.85rem}.state{font-size:1.3rem;font-weight:600;padding:.6rem 1rem;"
    "border-left:.4rem solid #888;background:#f5f5f5}.good{border-color:#2e7d32}.bad{border-color:#c62828}"
    ".small{color:#555;font-size:.9rem}.wide{overflow-x:auto}svg{max-width:100%}"
)

_MEANING = {
    "draft": ("", "Not started yet."),
    "running": ("", "Still running: the data does not yet show which arm is better."),
    "hold": ("bad", "On hold: something is wrong with the data, so nothing may be concluded. A person should look."),
    "promote": ("good", "Better: the new version is shown to be better by enough to be worth shipping."),
    "rollback": ("bad", "Worse: the new version is shown to do harm."),
    "futile": ("", "Not worth it: even at best the gain is smaller than what was said to be worth shipping."),
    "inconclusive": ("", "The longest run time is over and neither arm is shown to be better."),
    "stopped": ("", "Stopped by a person, without a conclusion."),
}

_RAILS = {"holds": "shown not to be harmed", "breaks": "harmed", "open": "not known yet"}


def page(metrics: dict[str, Any], hypothesis: str = "") -> str:
    """The page as HTML, from the answer of ``GET /v1/experiments/{id}/metrics``."""
    decision = metrics["decision"]
    state = "stopped" if metrics["status"] == "stopped" else decision["state"]
    kind, meaning = _MEANING.get(state, ("", escape(state.replace("_", " "))))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(metrics['id'])}</title><style>{_STYLE}</style>"
        f"<h1>{escape(metrics['id'])}</h1><p>{escape(hypothesis)}</p>"
        f"<p class='state {kind}'>{meaning}</p>"
        f"{''.join(f'<p>{_in_words(one)}</p>' for one in metrics['comparisons'].values())}"
        f"<p class=small>Decided from: {escape(decision['reason'])}</p>"
        f"<h2>What users did</h2>{_arms(metrics['arms'])}"
        f"{''.join(_sequence(arm, looks, metrics) for arm, looks in metrics['looks'].items())}"
        f"<h2>What must not get worse</h2>{_guardrails(metrics['comparisons'])}"
        f"<h2>Can it be trusted?</h2>{_trust(metrics)}"
        f"<h2>Groups of users</h2>{_segments(metrics['segments'])}"
        f"<h2>Day by day</h2>{_daily(metrics['daily'])}</html>\n"
    )


def _in_words(one: dict[str, Any]) -> str:
    arm, (low, high) = escape(one["arm"]), one["lift_interval"]
    if low is None:
        return f"There are too few users with complete data to say anything about {arm} yet."
    if one["metric"] == PREFERENCE:
        return (
            f"Of the clicks of a user, {one['treatment']:.1%} went to items that <b>{arm}</b> had placed "
            f"(half would mean that neither is preferred). The balance is {one['lift']:+.1%}, and the true one lies "
            f"between {low:+.1%} and {high:+.1%}."
        )
    return (
        f"With <b>{arm}</b>, {escape(one['metric'].replace('_', ' '))} was {one['treatment']:.4g} instead of "
        f"{one['control']:.4g}: a change of {one['lift']:+.1%}. "
        f"The true change lies between {low:+.1%} and {high:+.1%}."
    )


def _sequence(arm: str, looks: list[dict[str, Any]], metrics: dict[str, Any]) -> str:
    return (
        f"<h2>{escape(arm)} against {escape(metrics['arms'][0]['name'])}, day by day</h2>{plot(looks)}"
        "<p class=small>The line is the measured change, the band holds the true one at every day at once, with at "
        "most 5 % error in all: it may be read on any day. When it leaves the zero line the difference is shown. Each "
        "user counts once, with what happens in the days after the first visit.</p>"
    )


def _arms(arms: list[dict[str, Any]]) -> str:
    return _table(
        ("arm", "release", "users", "shown", "clicked", "click rate", "users who bought", "revenue"),
        (
            (
                one["name"],
                one["release"] or "–",
                f"{one['users']:,}",
                f"{one['impressions']:,}",
                f"{one['clicks']:,}",
                f"{one['ctr']:.3%}",
                f"{one['conversion_rate']:.3%}",
                f"{one['revenue']:,.2f}",
            )
            for one in arms
        ),
    )


def _guardrails(comparisons: dict[str, dict[str, Any]]) -> str:
    rows = [
        (one["metric"].replace("_", " "), arm, _RAILS[one["state"]], _change(one))
        for arm, comparison in comparisons.items()
        for one in comparison["guardrails"]
    ]
    return _table(("metric", "arm", "state", "change"), rows) if rows else "<p>Nothing was declared.</p>"


def _trust(metrics: dict[str, Any]) -> str:
    srm, left_out = metrics["comparison"]["srm"], metrics["left_out"]
    split = (
        "Users were split as declared."
        if srm["ok"]
        else "Users were <b>not</b> split as declared: something loses users in one arm, so no comparison is fair."
    )
    return (
        f"<p>{split} (p = {srm['p_value']:.3g})</p><p>Left out: {left_out['met_several_arms']:,} users who met several "
        f"arms, {sum(left_out['bots'].values()):,} who click nearly everything. Days without data: "
        f"{escape(', '.join(metrics['missing_days'])) or 'none'}.</p>"
    )


def _segments(segments: list[dict[str, Any]]) -> str:
    if not segments:
        return "<p>Not looked at.</p>"
    rows = ((one["segment"], one["arm"], f"{one['users']:,}", _change(one)) for one in segments)
    return (
        f"{_table(('group', 'arm', 'users', 'change'), rows)}<p class=small>Exploration: nothing is decided from "
        "these. What looks interesting here needs an experiment of its own.</p>"
    )


def _daily(days: list[dict[str, Any]]) -> str:
    heads = ("day", "arm", "users", "shown", "clicked", "click rate", "bought", "revenue", "p95 ms", "degraded",
             "of the catalogue", "new items")  # fmt: skip
    rows = (
        (
            one["day"],
            one["arm"],
            f"{one['users']:,}",
            f"{one['impressions']:,}",
            f"{one['clicks']:,}",
            f"{one['ctr']:.3%}",
            f"{one['conversions']:,}",
            f"{one['revenue']:,.2f}",
            _known(one["latency_p95_ms"], ".1f"),
            *(_known(one[name], ".1%") for name in ("degraded_share", "coverage", "new_share")),
        )
        for one in days
    )
    return f"<div class=wide>{_table(heads, rows)}</div>"


def _known(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _change(one: dict[str, Any]) -> str:
    low, high = one["lift_interval"]
    return "not known yet" if low is None else f"{one['lift']:+.2%} ({low:+.2%} to {high:+.2%})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table>"
