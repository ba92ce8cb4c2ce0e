"""What a user did in the last whole days: the Feast view ``user_daily``."""

from feature_repo.daily import DailyFeature

VIEW = "user_daily"
ENTITY = "user_id"

FEATURES = (
    DailyFeature("user_actions_1d", "actions", 1, "actions on the last whole day"),
    DailyFeature("user_actions_7d", "actions", 7, "actions in the last 7 whole days"),
    DailyFeature("user_actions_28d", "actions", 28, "actions in the last 28 whole days"),
    DailyFeature("user_clicks_28d", "clicks", 28, "clicks in the last 28 whole days"),
    DailyFeature("user_purchases_28d", "purchases", 28, "purchases in the last 28 whole days"),
    DailyFeature("user_active_days_28d", "active", 28, "days with an action among the last 28"),
    DailyFeature("user_impressions_28d", "impressions", 28, "items shown in the last 28 whole days"),
    DailyFeature("user_shown_clicks_28d", "shown_clicks", 28, "shown items that were clicked, last 28 whole days"),
    DailyFeature("user_actions", "actions", None, "actions on all whole days of the training window"),
)
