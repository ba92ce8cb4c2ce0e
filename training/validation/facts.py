"""Facts about a window of the lake, as one row that a suite can judge."""

from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contracts.clock import utc

DAY_SECONDS = 86400.0


def _top_share(users: pa.ChunkedArray) -> float:
    if not len(users):
        return 0.0
    counts = users.value_counts()
    combined = counts.combine_chunks() if isinstance(counts, pa.ChunkedArray) else counts
    return float(pc.max(combined.field("counts")).as_py() / len(users))


def lake_facts(kept: pa.Table, dropped: dict[str, int], end: datetime) -> pd.DataFrame:
    """One row: rows, kept_rows, users, items, dropped_share, duplicate_share, top_user_share, silence_days.

    ``kept`` are the cleaned interactions (user_id, item_id, timestamp); ``dropped`` counts rows by reason; ``end`` is
    the end of the interval. Without rows the silence is that since 1970 and the shares are those of what there is.
    """
    raw = len(kept) + sum(dropped.values())
    newest = pc.max(kept["timestamp"]).as_py() if len(kept) else utc(0.0)
    facts: dict[str, Any] = {
        "rows": raw,
        "kept_rows": len(kept),
        "users": pc.count_distinct(kept["user_id"]).as_py(),
        "items": pc.count_distinct(kept["item_id"]).as_py(),
        "dropped_share": sum(dropped.values()) / max(raw, 1),
        "duplicate_share": dropped.get("duplicate", 0) / max(raw, 1),
        "top_user_share": _top_share(kept["user_id"]),
        "silence_days": (end - newest).total_seconds() / DAY_SECONDS,
    }
    return pd.DataFrame([facts])
