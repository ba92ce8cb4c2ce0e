"""What the feature store counted of every item, beside the requests: read once, then only what changes."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import redis

from contracts.clock import Clock
from contracts.errors import UnavailableError
from feature_repo.redis_items import ItemChanges, read_items_daily
from pipeline.items import Items
from serving.gateway.release_loading import LoadedRelease

log = logging.getLogger(__name__)

FEATURES = ("item_actions", "item_actions_7d", "item_actions_28d")
"""The features of ``item_daily`` that rank: the columns of ``Items.with_counts``."""

SLICE = 500
REST = 1.0
"""Times that a slice took before the next one begins: a first reading leaves the interpreter to the requests."""

Counts = npt.NDArray[np.float32]


class ItemCounts:
    """A table float32[n, 3] for each release in force; every change makes a new one, swapped in at once.

    NaN where the release's own count stands: the store has no row of a day that ended after the release's data, so the
    ranker reads what it was trained on until something newer was counted.

    A first reading costs some 20 µs of the interpreter an item and takes twice that, 40 s for a million, while the
    release's own counts are used. Later a reading is one round trip, and one for every 500 rows that changed. What was
    read last stays in use while Redis is down. Items put since the release was made keep their zeros. ``read`` is for
    one thread.
    """

    def __init__(self, client: "redis.Redis[bytes]", clock: Clock) -> None:
        """``client`` may wait for seconds: requests must have another."""
        self._client = client
        self._clock = clock
        self._changes: ItemChanges | None = None
        self._tables: Mapping[str, Counts] = {}
        self._stopping = threading.Event()
        self.read_at = clock()
        """When the tables were last as Redis had it, epoch seconds; the start of all before the first time."""

    def read(self, releases: Mapping[str, LoadedRelease]) -> bool:
        """Brings the tables of ``releases`` (by id) up to what the store holds now; says whether any is another one.
        Keeps what is known when Redis does not answer."""
        began = self._clock()
        try:
            changed = self._changed()
            tables = {release: self._table(loaded, changed) for release, loaded in releases.items()}
        except (redis.RedisError, UnavailableError, OSError) as error:
            log.info("item counts stay as they were: %s", error)
            self.close()
            return False
        different = any(table is not self._tables.get(release) for release, table in tables.items())
        self._tables, self.read_at = tables, began
        return different

    def over(self, release: str, items: Items) -> Items:
        """The items of a release, and those put since at their end, with the counts of this moment."""
        table = self._tables.get(release)
        if table is None:
            return items
        put = len(items) - len(table)
        return items.with_counts(np.pad(table, ((0, put), (0, 0)), constant_values=np.nan) if put else table)

    def stop(self) -> None:
        """Ends a reading that runs: it keeps what was known."""
        self._stopping.set()

    def close(self) -> None:
        """Disconnects, once nothing reads any more."""
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _changed(self) -> set[str] | None:
        """What changed since the last reading; None: anything may have."""
        if self._changes is None:
            self._changes = ItemChanges(self._client)
            return None
        return self._changes.since_last()

    def _table(self, loaded: LoadedRelease, changed: set[str] | None) -> Counts:
        items, known = loaded.artifacts.items, self._tables.get(loaded.manifest.id)
        end = int(loaded.manifest.data_to.timestamp() * 1e6)
        if known is None or changed is None:
            return self._read(items.ids, end)
        rows = items.rows_of(tuple(changed))
        if not len(rows):
            return known
        table = known.copy()
        table[rows] = self._read([items.ids[row] for row in rows], end)
        return table

    def _read(self, ids: Sequence[str], end: int) -> Counts:
        """Counts of days that ended after ``end``, microseconds since 1970."""
        table = np.empty((len(ids), len(FEATURES)), np.float32)
        for start in range(0, len(ids), SLICE):
            began = time.monotonic()
            versions, counts = read_items_daily(self._client, ids[start : start + SLICE], FEATURES)
            counts[versions <= end] = np.nan
            table[start : start + SLICE] = counts
            if self._stopping.wait(REST * (time.monotonic() - began)):
                raise UnavailableError("item counts", "the gateway stops")
        return table
