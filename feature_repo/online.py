"""What stands in the online store: every Feast view's name, join keys, fields and types, declared once.

``feature_repo.views`` makes Feast's views of it, ``redis_reader`` and ``redis_writer`` the bytes. The timestamp of a
row of ``user_activity``, ``user_seen`` and ``user_vector`` is the version of the state it was made of (microseconds
since 1970, see ``feature_repo.redis_writer.next_version``); event times live inside the row, since Feast drops a write
that is not later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_repo import item_daily, user_daily

Value = str | int | float | Sequence[str] | Sequence[int] | Sequence[float] | npt.NDArray[np.floating[Any]]
"""A value of a field, as its type allows."""

PROJECT = "headwater"
"""The Feast project. A replay writes under another name, a namespace beside the live one."""


class FieldType(StrEnum):
    """The value types in use, named as Feast's ``types`` names them."""

    STRING = "String"
    INT64 = "Int64"
    FLOAT32 = "Float32"
    STRING_LIST = "Array(String)"
    INT64_LIST = "Array(Int64)"
    FLOAT32_LIST = "Array(Float32)"


@dataclass(frozen=True)
class OnlineField:
    """One feature of a view."""

    name: str
    type: FieldType
    meaning: str


@dataclass(frozen=True, eq=False)
class OnlineView:
    """A Feast view as it stands online. All join keys are text. One object a view: what is derived of it is cached."""

    name: str
    join_keys: tuple[str, ...]
    fields: tuple[OnlineField, ...]

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(field.name for field in self.fields)


USER_ACTIVITY = OnlineView(
    "user_activity",
    ("user_id",),
    (
        OnlineField("items", FieldType.STRING_LIST, "item ids of the most recent actions, oldest first"),
        OnlineField("actions", FieldType.INT64_LIST, "codes of contracts.events.ACTION_CODES, parallel to items"),
        OnlineField("times_ms", FieldType.INT64_LIST, "event times, epoch milliseconds, parallel to items"),
        OnlineField("event_keys", FieldType.INT64_LIST, "63-bit hashes of event ids: the window against duplicates"),
        OnlineField("partition", FieldType.INT64, "partition of the last applied event, -1 when none came by stream"),
        OnlineField("offset", FieldType.INT64, "offset of the last applied event in that partition, -1 when none"),
        OnlineField("session_actions", FieldType.FLOAT32, "actions in the session of the last action"),
        OnlineField("session_seconds", FieldType.FLOAT32, "seconds from that session's first action to its last"),
        OnlineField("actions_1h", FieldType.FLOAT32, "actions in the hour that ends with the last action"),
        OnlineField("actions_24h", FieldType.FLOAT32, "actions in the 24 hours that end with the last action"),
        OnlineField("clicks_24h", FieldType.FLOAT32, "clicks in the 24 hours that end with the last action"),
        OnlineField("purchases_24h", FieldType.FLOAT32, "purchases in the 24 hours that end with the last action"),
    ),
)

USER_SEEN = OnlineView(
    "user_seen",
    ("user_id",),
    (
        OnlineField("seen_items", FieldType.STRING_LIST, "items met, each once for every action, latest last"),
        OnlineField("seen_actions", FieldType.INT64_LIST, "action codes, parallel to seen_items"),
        OnlineField("seen_days", FieldType.INT64_LIST, "last UTC day of it, days since 1970-01-01, parallel"),
    ),
)

USER_DAILY = OnlineView(
    user_daily.VIEW,
    (user_daily.ENTITY,),
    tuple(OnlineField(f.name, FieldType.FLOAT32, f.meaning) for f in user_daily.FEATURES),
)

USER_VECTOR = OnlineView(
    "user_vector",
    ("user_id", "release"),
    (OnlineField("user_vector", FieldType.FLOAT32_LIST, "the user tower's output under this release"),),
)

ITEM_DAILY = OnlineView(
    item_daily.VIEW,
    (item_daily.ENTITY,),
    tuple(OnlineField(f.name, FieldType.FLOAT32, f.meaning) for f in item_daily.FEATURES),
)

ITEM_VECTOR = OnlineView(
    "item_vector",
    ("item_id", "release"),
    (OnlineField("item_vector", FieldType.FLOAT32_LIST, "the item's vector under this release"),),
)

VIEWS = {view.name: view for view in (USER_ACTIVITY, USER_SEEN, USER_DAILY, USER_VECTOR, ITEM_DAILY, ITEM_VECTOR)}
