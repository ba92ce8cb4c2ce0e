"""Days with nothing to learn from stop before training; servers that are down stop before anything is half done."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import redis
from pyspark.sql import SparkSession

from contracts.clock import utc
from contracts.errors import UnavailableError
from contracts.release import CHAMPION
from database.engine import connect
from feature_repo.online import ITEM_VECTOR, USER_DAILY
from feature_repo.redis_layout import encode_entity_key
from lake.store import Lake
from releases.pointers import Pointers
from releases.store import ReleaseStore
from serving.erasure.files import erase_from_tables
from tests.releases.releases import manifest, published
from tests.training.jobs.finished import END, actions, cleaned, done, new_run
from training.jobs.histories import held_versions
from training.jobs.outputs import VERDICT
from training.jobs.run import Run
from training.jobs.steps import run_step
from training.validation.broken import BrokenDataError

NOWHERE = "127.0.0.1:1"
OLD = "r00000000000a"


def _bot(count: int) -> pa.Table:
    """One account, ``count`` actions a minute apart, day and night."""
    table = actions(users=1, each=count)
    times = pa.array([END - timedelta(minutes=at + 1) for at in range(count)], table.schema.field("timestamp").type)
    return table.set_column(table.column_names.index("timestamp"), table.schema.field("timestamp"), times)


@pytest.mark.parametrize(
    ("rows", "dropped", "why"),
    [
        (None, 0, "the interval has interactions"),
        (_bot(1300), 1300, "enough interactions are left"),
    ],
    ids=["a day with no rows", "a day with only bots"],
)
def test_a_day_with_nothing_to_learn_from_stops_before_training(
    rows: pa.Table | None, dropped: int, why: str, spark: SparkSession, tmp_path: Path
) -> None:
    assert spark is not None
    run = new_run(tmp_path)
    if rows is not None:
        Lake(run.settings.lake).append("interactions", rows)
    report = run_step(run.id, "clean", run.settings)
    assert report["kept"] == 0
    assert sum(report["dropped"].values()) == dropped
    if rows is not None:
        aggregated = run_step(run.id, "features", run.settings)
        assert aggregated["label_rows"] == aggregated["user_daily"] == 0
    with pytest.raises(BrokenDataError, match=why):
        run_step(run.id, "validate_lake", run.settings)


@pytest.fixture
def shipping(tmp_path: Path, database_url: str, redis_url: str, mlflow_url: str) -> Iterator[dict[str, Any]]:
    """Settings of a home with an old champion, and a candidate that passed the gate and was published."""
    settings = {"database_url": database_url, "redis_url": redis_url, "mlflow_url": mlflow_url}
    run = new_run(tmp_path, **settings)
    cleaned(run, actions())
    store = ReleaseStore(run.settings.releases)
    published(store, OLD)
    staging = store.stage(run.id)
    (staging / "vectors").mkdir()
    np.save(staging / "vectors" / "items.npy", np.eye(8, 4, dtype=np.float32))
    now = utc(END.timestamp())
    store.publish(staging, manifest(run.id).model_copy(update={"created_at": now}))
    done(run, "train_two_tower", {"features": [], "vector_size": 4})
    done(run, "train_item_models", {"items": 8})
    done(run, "validate_lake")
    done(run, "train_als")
    done(run, "train_rankers", {"labels": "later actions among candidates"})
    done(run, "assemble", {"ann": {}})
    measured: dict[str, Any] = {"models": {}, "intervals": {}, "ranker": "none", "cut": END.timestamp()}
    done(run, "evaluate", {"champion": OLD, "anchor": None, **measured})
    gate = done(run, "gate", {"passed": True, "checks": ["better"], "reasons": []})
    (gate / VERDICT).write_text('{"passed": true, "metric": "ndcg@10", "first": false, "checks": []}')
    done(run, "publish")
    engine = connect(database_url)
    pointers = Pointers(engine)
    pointers.move(CHAMPION, OLD, pointers.get(CHAMPION).revision, "test", "the release in force")
    yield settings
    engine.dispose()


def _champion(run: Run) -> str | None:
    engine = connect(run.settings.database_url)
    try:
        return Pointers(engine).get(CHAMPION).release_id
    finally:
        engine.dispose()


def test_redis_or_mlflow_down_fails_clearly_the_old_release_serves_on_and_the_retry_completes(
    shipping: dict[str, Any], tmp_path: Path
) -> None:
    without_redis = new_run(tmp_path, **shipping | {"redis_url": f"redis://{NOWHERE}/0"})
    with pytest.raises(UnavailableError, match="Redis"):
        run_step(without_redis.id, "seed_histories", without_redis.settings)

    run = new_run(tmp_path, **shipping)
    assert run_step(run.id, "seed_histories", run.settings)["users"] == 12
    with pytest.raises(UnavailableError, match="Redis"):
        run_step(without_redis.id, "export", without_redis.settings)
    assert _champion(without_redis) == OLD
    written = run_step(run.id, "export", run.settings)
    assert (written["user_daily"], written["item_vector"]) == (12, 8)
    assert run_step(run.id, "export", run.settings)["item_vector"] == 0  # all of it is there
    with redis.Redis.from_url(shipping["redis_url"]) as client:
        assert client.exists(encode_entity_key("headwater", {"user_id": "u03"}))
        assert client.exists(encode_entity_key("headwater", {"item_id": "i1", "release": run.id}))
    assert {USER_DAILY.name, ITEM_VECTOR.name} <= set(written)
    assert (run.settings.home / "feast" / "registry.db").is_file()

    without_mlflow = new_run(tmp_path, **shipping | {"mlflow_url": f"http://{NOWHERE}"})
    with pytest.raises(UnavailableError, match="MLflow"):
        run_step(run.id, "register", without_mlflow.settings)
    assert _champion(run) == OLD

    assert run_step(run.id, "register", run.settings)["version"]
    promoted = run_step(run.id, "promote", run.settings)
    assert promoted["champion"] == _champion(run) == run.id
    assert promoted["changed"]


def test_erasing_a_user_leaves_nothing_of_them_among_the_seeded_histories(
    shipping: dict[str, Any], tmp_path: Path
) -> None:
    run = new_run(tmp_path, **shipping)
    run_step(run.id, "seed_histories", run.settings)
    assert erase_from_tables(run.output("seed_histories"), "user_id", "u03") == 1
    assert len(held_versions(run)) == 11
    assert "u03" not in held_versions(run)
    files = [path for path in run.output("seed_histories").rglob("*") if path.is_file()]
    assert not any(b"u03" in path.read_bytes() for path in files)
