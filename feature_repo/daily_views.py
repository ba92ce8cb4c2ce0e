"""Which daily features there are, by view: read by Spark, Feast, training and the manifest of a release."""

from feature_repo import item_daily, user_daily
from feature_repo.daily import DailyFeature

DAILY: dict[str, tuple[str, tuple[DailyFeature, ...]]] = {
    user_daily.VIEW: (user_daily.ENTITY, user_daily.FEATURES),
    item_daily.VIEW: (item_daily.ENTITY, item_daily.FEATURES),
}
"""Daily views: name → (join key, features)."""

VERSIONS = {feature.name: feature.version for _, features in DAILY.values() for feature in features}
"""Version of every daily feature."""


def feature_names(view: str) -> list[str]:
    """``view:feature`` for every feature of a daily view, in the order of declaration."""
    return [f"{view}:{feature.name}" for feature in DAILY[view][1]]
