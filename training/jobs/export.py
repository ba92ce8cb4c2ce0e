"""Step export: features and vectors of the release into Redis and Parquet, before any pointer moves."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import redis

from contracts.release import CHALLENGER, CHAMPION
from database.engine import connect
from feature_repo.daily_views import DAILY
from feature_repo.entities import EVENT_TIMESTAMP
from feature_repo.online import ITEM_VECTOR, USER_VECTOR, VIEWS, OnlineView
from feature_repo.sources import Offline
from feature_repo.store import feature_store
from releases.pointers import Pointers
from releases.store import ReleaseStore
from training.feature_export.online import daily_rows, delete_vectors, newest_of_each, vector_rows, write
from training.jobs.dataset import FEATURES, load
from training.jobs.histories import held_versions
from training.jobs.progress import progress
from training.jobs.run import Run

DAY_SECONDS = 86400.0


def exports_path(run: Run) -> Path:
    """Where the Parquet files of every release's vectors lie, a folder a release."""
    return run.settings.home / "exports"


def export(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes the daily views and both vector views (under the release's id) online, the vectors to
    ``<home>/exports/<release>/<view>.parquet`` too, and applies the views to Feast's registry.

    Old releases' vectors are deleted after ``release_grace_days``. Report: rows written a view, cleaned.
    """
    release = ReleaseStore(run.settings.releases).open(run.id)
    folder = exports_path(run) / run.id
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Any] = {}
    paths = {}
    with redis.Redis.from_url(run.settings.redis_url) as client:
        for view, (entity, _) in DAILY.items():
            newest = newest_of_each(pq.read_table(run.output("features") / view), entity)
            pq.write_table(newest, folder / f"{view}.parquet")
            written[view] = write(client, VIEWS[view], daily_rows(newest, VIEWS[view]))
            paths[view] = str(folder / f"{view}.parquet")
        held = held_versions(run)
        end = int(run.inputs.end.timestamp() * 1e6)
        for vectored, ids, vectors in _vectors(run, release):
            _write_vectors(folder / f"{vectored.name}.parquet", vectored, ids, vectors, run)
            versions = [max(held.get(one, 0), end) if vectored is USER_VECTOR else end for one in ids]
            written[vectored.name] = write(client, vectored, vector_rows(ids, vectors, vectored, run.id, versions))
            paths[vectored.name] = str(folder / f"{vectored.name}.parquet")
        written["cleaned"] = clean_up(run, client)
    with feature_store(run.settings.home / "feast" / "registry.db", paths, Offline.DUCKDB):
        (out / "views.txt").write_text("\n".join(paths))
    return written


def _vectors(run: Run, release: Path) -> list[tuple[OnlineView, list[str], "np.ndarray[Any, np.dtype[np.float32]]"]]:
    """Vectors of all items, and of all users as of the end of the interval."""
    data = load(run)
    items = np.load(release / "vectors" / "items.npy")
    parts = [(ITEM_VECTOR, data.items.item_ids, items)]
    if (release / "models" / "user_tower").is_dir():
        from training.jobs.exported import ExportedTower

        tower = ExportedTower.load(release)
        progress(f"export: vectors of {data.everything.users:,} users")
        histories = [data.everything.history(u) for u in range(data.everything.users)]
        now = np.full(len(histories), run.inputs.end.timestamp())
        features = _newest_features(run, data.everything.user_ids) if tower.features else None
        parts.append((USER_VECTOR, data.everything.user_ids, tower.vectors(histories, now, features)))
    return parts


def _newest_features(run: Run, user_ids: list[str]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    newest = newest_of_each(pq.read_table(run.output("features") / "user_daily"), "user_id")
    at = {user_id: row for row, user_id in enumerate(newest["user_id"].to_pylist())}
    table = np.stack([newest[name].to_numpy() for name in FEATURES], axis=1).astype(np.float32)
    table = np.vstack([table, np.full((1, len(FEATURES)), np.nan, np.float32)])
    return table[[at.get(user_id, len(table) - 1) for user_id in user_ids]]


def _write_vectors(path: Path, view: OnlineView, ids: list[str], vectors: Any, run: Run) -> None:
    n = len(ids)
    columns = {
        view.join_keys[0]: pa.array(ids, pa.string()),
        "release": pa.array([run.id] * n, pa.string()),
        EVENT_TIMESTAMP: pa.array([run.inputs.end] * n, pa.timestamp("us", tz="UTC")),
        view.field_names[0]: pa.array(list(vectors), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns), path)


def clean_up(run: Run, client: "redis.Redis[bytes]") -> list[str]:
    """Deletes the vectors of releases that no pointer names and that were exported before the grace time, and what
    killed runs left among the releases."""
    engine = connect(run.settings.database_url)
    try:
        pointers = Pointers(engine)
        in_force = {run.id, *(pointers.get(name).release_id for name in (CHAMPION, CHALLENGER))}
    finally:
        engine.dispose()
    store, cleaned = ReleaseStore(run.settings.releases), []
    oldest = run.settings.now()() - run.settings.release_grace_days * DAY_SECONDS
    for manifest in store.list():
        folder = exports_path(run) / manifest.id
        if manifest.id in in_force or manifest.created_at.timestamp() > oldest or not folder.is_dir():
            continue
        for view in (USER_VECTOR, ITEM_VECTOR):
            path = folder / f"{view.name}.parquet"
            if path.is_file():
                delete_vectors(client, view, manifest.id)
                path.unlink()
        cleaned.append(manifest.id)
    return cleaned + store.remove_leftovers(time.time() - run.settings.release_grace_days * DAY_SECONDS)
