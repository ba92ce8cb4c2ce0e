"""How a daily feature is declared: plain data that Spark, Feast and serving share.

A daily feature counts what happened in whole UTC days. Its row for day D is stamped with the end of D (00:00 of D+1),
so that a join "as of" any moment finds complete days only.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

WINDOWS = (1, 7, 28)
"""Days that a window spans. An entity that is silent for longer than the longest has a row only that often: its
windows are zero already and its totals no longer change."""

TIME_TO_LIVE = timedelta(days=2 * max(WINDOWS))
"""How far back a join as of a moment looks for a row: no two of an entity's rows are further apart than half of that.
Feast pairs each moment with every row of this time."""


@dataclass(frozen=True)
class DailyFeature:
    """One column, float32, zero where nothing happened.

    ``measure`` is a column of the daily pre-aggregate (see ``training.etl.daily``): views, clicks, purchases, actions,
    impressions, shown_clicks, or active (1 on a day with an action). ``days`` is the window; None sums all days.
    ``version`` changes when the meaning does: the manifest of a release names it.
    """

    name: str
    measure: str
    days: int | None
    meaning: str
    version: int = 1


def versions(features: Iterable[DailyFeature]) -> dict[str, int]:
    """Name → version, in the order of declaration."""
    return {feature.name: feature.version for feature in features}


def feature_set(versions_by_name: dict[str, int]) -> str:
    """Sixteen hex digits over names, order and versions: equal for equal feature sets."""
    listed = "\n".join(f"{name}:{version}" for name, version in versions_by_name.items())
    return hashlib.sha256(listed.encode()).hexdigest()[:16]
