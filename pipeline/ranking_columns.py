"""The ranker's dynamic columns, in order. A manifest repeats them: a ranker is never fed another set."""

SCORED_SOURCES = ("two_tower", "sequential", "item_knn", "als")
"""Sources that can score any item, whether they named it or not."""

RANKING_FEATURES: tuple[str, ...] = (
    *(f"{source}_{column}" for source in SCORED_SOURCES for column in ("score", "rank", "margin")),
    "sources",
    "best_rank",
    "transition",
    "transition_before",
    "sequential_last",
    "item_knn_last",
    "popularity",
    "popularity_28d",
    "popularity_7d",
    "trending",
    "popularity_change",
    "category_long",
    "category_short",
    "category_last",
    "year",
    "year_known",
    "year_distance_short",
    "year_distance_last",
    "history_length",
    "session_length",
    "gap",
    "item_age",
    "item_is_new",
)
"""For each scoring source: score; ln(1 + items that score higher); distance to the best score. Then: sources that
named the item; ln(1 + best rank). Share of users who went from the last (the one before) action's item directly to
this one. Weight of the last item alone in the sequential model and item-kNN. ln(1 + actions) ever, in 28 and 7 days;
trend; ln of the 28 days' share over the share ever. Cosine with the categories of the whole history, the last few,
the last item. Decades since 2000; 1 if the year is known; decades between it and the mean of the last few, the last.
ln(1 + actions); ln(1 + actions of this session); ln(1 + seconds since the last action); ln(1 + days since the item
was born); 1 if hardly anyone has acted on it. Unknown is 0."""
