"""Bulk writes into the online store, in Feast's own layout (``feature_repo.redis_layout``).

The fast encoder stands in for Feast's materialisation, which writes a tenth of the rows a second; what it writes, Feast
reads (tests/training/feature_export).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import redis

from contracts.errors import UnavailableError
from feature_repo.entities import EVENT_TIMESTAMP
from feature_repo.online import PROJECT, OnlineView, Value
from feature_repo.redis_layout import keys_of
from feature_repo.redis_writer import write_rows

Row = tuple[Mapping[str, str], Mapping[str, Value], int]
BATCH = 2000


def newest_of_each(snapshots: pa.Table, entity: str) -> pa.Table:
    """The last row of each entity."""
    ordered = snapshots.sort_by([(entity, "ascending"), (EVENT_TIMESTAMP, "ascending")])
    ids = ordered[entity].combine_chunks()
    if not len(ids):
        return ordered
    last = np.append(pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False), True)
    return ordered.filter(pa.array(last))


def daily_rows(newest: pa.Table, view: OnlineView) -> Iterator[Row]:
    """Rows of a daily view, versioned by the end of their day (microseconds since 1970)."""
    (entity,) = view.join_keys
    versions = newest[EVENT_TIMESTAMP].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    columns = [newest[name].to_pylist() for name in view.field_names]
    for at, identity in enumerate(newest[entity].to_pylist()):
        values = {name: column[at] for name, column in zip(view.field_names, columns, strict=True)}
        yield {entity: identity}, values, versions[at]


def vector_rows(
    ids: Sequence[str], vectors: npt.NDArray[np.float32], view: OnlineView, release: str, versions: Sequence[int]
) -> Iterator[Row]:
    """Rows of a vector view: ``vectors`` float32[n, d] of ``ids``, each with the version of what it came from."""
    entity = view.join_keys[0]
    (name,) = view.field_names
    for identity, vector, version in zip(ids, vectors, versions, strict=True):
        yield {entity: identity, "release": release}, {name: vector}, version


def write(client: "redis.Redis[bytes]", view: OnlineView, rows: Iterator[Row]) -> int:
    """Writes what is newer than what is there. Raises UnavailableError when Redis fails; a repeat completes it."""
    try:
        return write_rows(client, view, rows, batch=BATCH)
    except redis.RedisError as error:
        raise UnavailableError("Redis", f"{error}; the retry completes the export") from error


def delete_vectors(client: "redis.Redis[bytes]", view: OnlineView, release: str) -> int:
    """Removes all vectors of a release, also those that the stream wrote for users whom no export knew. Returns how
    many were there."""
    removed = 0
    try:
        found = client.scan_iter(match=keys_of(PROJECT, view.join_keys, {"release": release}), count=BATCH)
        while keys := list(islice(found, BATCH)):
            removed += int(client.unlink(*keys))
    except redis.RedisError as error:
        raise UnavailableError("Redis", f"{error}; the next run cleans up") from error
    return removed
