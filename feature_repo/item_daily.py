"""What happened to an item in the last whole days: the Feast view ``item_daily``."""

from feature_repo.daily import DailyFeature

VIEW = "item_daily"
ENTITY = "item_id"

FEATURES = (
    DailyFeature("item_actions_1d", "actions", 1, "actions on the last whole day"),
    DailyFeature("item_actions_7d", "actions", 7, "actions in the last 7 whole days"),
    DailyFeature("item_actions_28d", "actions", 28, "actions in the last 28 whole days"),
    DailyFeature("item_clicks_28d", "clicks", 28, "clicks in the last 28 whole days"),
    DailyFeature("item_purchases_28d", "purchases", 28, "purchases in the last 28 whole days"),
    DailyFeature("item_active_days_28d", "active", 28, "days with an action among the last 28"),
    DailyFeature("item_impressions_28d", "impressions", 28, "times shown in the last 28 whole days"),
    DailyFeature("item_shown_clicks_28d", "shown_clicks", 28, "clicks on it where shown, last 28 whole days"),
    DailyFeature("item_actions", "actions", None, "actions on all whole days of the training window"),
)
