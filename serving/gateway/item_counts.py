"""What the feature store counted of every item, beside the requests: read once, then only what changes."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import redis

from contracts.clock import Clock
from contracts.errors import UnavailableError
from feature_repo.redis_items import ItemChanges, read_items_daily
from pipeline.item_ids import ItemIds
from pipeline.items import Items
from serving.gateway.release_loading import LoadedRelease

log = logging.getLogger(__name__)

FEATURES = ("item_actions", "item_actions_7d", "item_actions_28d")
"""The features of ``item_daily`` that rank: the columns that ``Items.with_counts`` takes."""

SLICE = 500
REST = 1.0
"""Times that a slice took before the next one begins: a first reading leaves the interpreter to the requests."""


@dataclass(frozen=True)
class NewerCounts:
    """Rows int32[m] of the items of which something newer was counted than the release knows, and their counts
    float32[m, 3]."""

    rows: npt.NDArray[np.int32]
    counts: npt.NDArray[np.float32]


class ItemCounts:
    """The newer counts for each release in force; every change makes new ones, swapped in at once.

    An item is not among them while the store has no row of a day that ended after the release's data: the ranker reads
    what it was trained on until something newer was counted.

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
        self._newer: Mapping[str, NewerCounts] = {}
        self._stopping = threading.Event()
        self.read_at = clock()
        """When the counts were last as Redis had them, epoch seconds; the start of all before the first time."""

    def read(self, releases: Mapping[str, LoadedRelease]) -> bool:
        """Brings the counts for ``releases`` (by id) up to what the store holds now; says whether any are others.
        Keeps what is known when Redis does not answer."""
        began = self._clock()
        try:
            changed = self._changed()
            newer = {release: self._for(loaded, changed) for release, loaded in releases.items()}
        except (redis.RedisError, UnavailableError, OSError) as error:
            log.info("item counts stay as they were: %s", error)
            self.close()
            return False
        different = any(one is not self._newer.get(release) for release, one in newer.items())
        self._newer, self.read_at = newer, began
        return different

    def over(self, release: str, items: Items) -> Items:
        """The items of a release, and those put since at their end, with the counts of this moment."""
        newer = self._newer.get(release)
        return items if newer is None else items.with_counts(newer.rows, newer.counts)

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

    def _for(self, loaded: LoadedRelease, changed: set[str] | None) -> NewerCounts:
        items, known = loaded.artifacts.items, self._newer.get(loaded.manifest.id)
        end = int(loaded.manifest.data_to.timestamp() * 1e6)
        if known is None or changed is None:
            return self._read(items.ids, np.arange(len(items), dtype=np.int32), end)
        rows = items.rows_of(tuple(changed))
        if not len(rows):
            return known
        read, kept = self._read(items.ids, rows, end), ~np.isin(known.rows, rows)
        return NewerCounts(
            np.concatenate([known.rows[kept], read.rows]), np.concatenate([known.counts[kept], read.counts])
        )

    def _read(self, ids: ItemIds, rows: npt.NDArray[np.int32], end: int) -> NewerCounts:
        """Those of ``rows`` that have counts of days that ended after ``end``, microseconds since 1970."""
        found = [NewerCounts(np.empty(0, np.int32), np.empty((0, len(FEATURES)), np.float32))]
        for start in range(0, len(rows), SLICE):
            began = time.monotonic()
            part = rows[start : start + SLICE]
            versions, counts = read_items_daily(self._client, ids.texts.take(pa.array(part)).to_pylist(), FEATURES)
            if (newer := versions > end).any():
                found.append(NewerCounts(part[newer], counts[newer]))
            if self._stopping.wait(REST * (time.monotonic() - began)):
                raise UnavailableError("item counts", "the gateway stops")
        return NewerCounts(np.concatenate([one.rows for one in found]), np.concatenate([one.counts for one in found]))
