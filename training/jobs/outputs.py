"""Names of the files that one step writes and another reads."""

INTERACTIONS, DROPPED = "interactions", "dropped"
"""Of step clean."""

LABELS = "labels"
"""Of step features, beside a folder for each daily view."""

ACTIONS, IMPRESSIONS = "actions.parquet", "impressions.parquet"
"""Of step training_set."""

EARLIER = "earlier"
"""Of the steps that train sources: the same sources before they saw the rankers' labels."""

EASE = "ease.npy"
"""Of step train_item_models: a baseline, no part of a release."""

CURVES = "curves-*.json"
"""Of every training step: how its models learned."""

USERS = "users.npz"
"""Of step evaluate: values of every user."""

VERDICT = "gate.json"
"""Of step gate."""

FOREST, DEEP, NO_RANKER = "lambdamart", "deep", "none"
"""What a manifest calls the ranker that serves."""

ANCHOR, TRAINED_TO = "anchor", "trained_to"
"""Notes of a manifest: the release that its line began with, and the end of what its weights learned from."""
