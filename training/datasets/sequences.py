"""Users' actions in the order they were done."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import InvalidInputError
from pipeline.user import History
from training.datasets.columns import action_codes, codes, epoch_seconds, text


@dataclass(frozen=True)
class Sequences:
    """Actions of U users over n items, user after user, each user's oldest first (CSR by user).

    User ``u`` did ``rows[indptr[u]:indptr[u + 1]]`` (int32[N], item rows) with ``actions`` int8[N] (codes of
    ``contracts.events.ACTION_CODES``) at ``times`` float64[N] epoch seconds; ``values`` float32[N] (a rating, a price)
    or None; ``indptr`` int64[U + 1]. Without times ``ordered`` is false: times are zero and the order says nothing.
    """

    user_ids: list[str]
    item_ids: list[str]
    indptr: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int8]
    times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32] | None
    ordered: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def users(self) -> int:
        return len(self.user_ids)

    @property
    def items(self) -> int:
        return len(self.item_ids)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Actions of each user, int64[U]."""
        return np.diff(self.indptr)

    @cached_property
    def user_of(self) -> npt.NDArray[np.int64]:
        """The user of each action, int64[N]."""
        return np.repeat(np.arange(self.users), self.lengths)

    @cached_property
    def place(self) -> npt.NDArray[np.int64]:
        """The place of each action within its user's, 0 for the oldest, int64[N]."""
        return np.arange(len(self)) - np.repeat(self.indptr[:-1], self.lengths)

    @cached_property
    def user_index(self) -> dict[str, int]:
        """From a user's id to the user's number."""
        return {user_id: u for u, user_id in enumerate(self.user_ids)}

    def counts(self) -> npt.NDArray[np.int64]:
        """Actions with each item, int64[n]."""
        return np.bincount(self.rows, minlength=self.items)

    def first_seen(self) -> npt.NDArray[np.float64]:
        """When each item had its first action, epoch seconds float64[n]; NaN without one or without times."""
        first = np.full(self.items, np.inf)
        if self.ordered:
            np.minimum.at(first, self.rows, self.times)
        return np.where(np.isfinite(first), first, np.nan)

    def history(self, u: int, end: int | None = None, now: float | None = None) -> History:
        """The first ``end`` actions of user ``u`` (negative counts from the last), of them those before ``now``."""
        start = int(self.indptr[u])
        stop = int(self.indptr[u + 1])
        if end is not None:
            stop = min(start + end, stop) if end >= 0 else max(stop + end, start)
        if now is not None and self.ordered:
            stop = start + int(np.searchsorted(self.times[start:stop], now, side="left"))
        return History(self.rows[start:stop], self.actions[start:stop], self.times[start:stop], self.ordered)

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Sequences":
        """The actions where ``mask`` bool[N] holds; users and items stay numbered as they are."""
        lengths = np.bincount(self.user_of[mask], minlength=self.users)
        return Sequences(
            self.user_ids,
            self.item_ids,
            np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            self.rows[mask],
            self.actions[mask],
            self.times[mask],
            None if self.values is None else self.values[mask],
            self.ordered,
        )

    def before_last(self, n: int = 1, at_least: int = 1) -> "Sequences":
        """Without the last ``n`` actions of every user who has at least ``at_least``."""
        from_end = np.repeat(self.lengths, self.lengths) - self.place
        return self.keep((from_end > n) | (np.repeat(self.lengths, self.lengths) < at_least))

    @classmethod
    def from_table(cls, table: pa.Table, item_ids: Sequence[str] | None = None) -> "Sequences":
        """Reads interactions (columns ``user_id``, ``item_id``; optional ``action``, ``timestamp``, ``value``), in any
        order: sorted by user and time, ties as the rows stand. ``item_ids`` fixes the item rows and rows with other
        items are left out; by default items are numbered as they appear.

        Raises InvalidInputError for a missing column, an empty id, or when some rows have a time and others not.
        """
        if item_ids is not None:
            table = table.filter(pc.is_in(text(table, "item_id"), value_set=pa.array(item_ids, pa.string())))
        users, user_ids = codes(text(table, "user_id"))
        rows, seen_ids = codes(text(table, "item_id"))
        if item_ids is not None:
            row_of = {item_id: row for row, item_id in enumerate(item_ids)}
            rows = np.asarray([row_of[item_id] for item_id in seen_ids] or [0], np.int64)[rows]
        times = epoch_seconds(table, "timestamp")
        if times is not None and not np.isfinite(times).all():
            raise InvalidInputError("timestamp", "some rows have a time and others have none, give all or none")
        order = np.lexsort((times, users)) if times is not None else np.argsort(users, kind="stable")
        values = _values(table)
        return cls(
            user_ids,
            list(item_ids) if item_ids is not None else seen_ids,
            np.concatenate(([0], np.cumsum(np.bincount(users, minlength=len(user_ids))))).astype(np.int64),
            rows[order].astype(np.int32),
            action_codes(table)[order],
            times[order] if times is not None else np.zeros(len(order)),
            None if values is None else values[order],
            times is not None,
        )


def _values(table: pa.Table) -> npt.NDArray[np.float32] | None:
    if "value" not in table.column_names or table.column("value").null_count == len(table):
        return None
    return np.asarray(pc.cast(table.column("value"), pa.float32(), safe=False).to_numpy(), np.float32)
