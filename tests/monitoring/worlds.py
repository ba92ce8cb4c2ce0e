"""A simulated world in a lake, and a champion that learned from its first weeks with the real models."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from contracts.clock import utc
from contracts.release import CHAMPION, Manifest
from contracts.settings import Settings
from database.engine import connect
from feature_repo import user_daily
from feature_repo.daily import feature_set, versions
from lake.importing import import_path
from lake.store import Lake
from pipeline.ranking_columns import RANKING_FEATURES
from releases.pointers import Pointers
from releases.store import ReleaseStore
from simulator.settings import DAY, WorldSettings
from simulator.tables import write_tables
from simulator.world import World
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models import item_knn, sequential, two_tower
from training.models.fitted import Fitted
from training.rankers import lambdamart
from training.rankers.ranked import label
from training.rankers.settings import ExampleSettings
from training.rankers.source_files import write_sources

END = utc(1_764_547_200.0)
"""The end of every world here, a midnight (UTC) in the past."""

CHAMPION_ID = "r0000000000aa"
FEATURES = versions(user_daily.FEATURES)


def world_in_a_lake(home: Path, database_url: str, world: WorldSettings) -> Settings:
    """Settings of an installation whose lake holds the tables of ``world``."""
    settings = Settings(home=home, database_url=database_url, train_label_rows=3_000_000)
    write_tables(World(replace(world, end=END.timestamp())), home / "world")
    import_path(Lake(settings.lake), home / "world", clock=settings.now())
    return settings


def champion_of(settings: Settings, learned_days: int, tower_seconds: float | None) -> None:
    """Publishes and promotes a champion that learned from the first ``learned_days`` of the lake, of which the last
    week is its holdout; without ``tower_seconds`` it has no two-tower."""
    lake = Lake(settings.lake)
    actions, items = lake.read("interactions"), ItemTable.from_table(lake.read("items"))
    everything = Sequences.from_table(actions, items.item_ids)
    began = utc(np.floor(everything.times.min() / DAY) * DAY)
    to = began + timedelta(days=learned_days)
    cut = to - timedelta(days=7)
    train = everything.keep(everything.times < cut.timestamp())
    fitted: dict[str, Fitted] = {module.__name__.rpartition(".")[2]: module.fit(train, items, seed=7)
                                 for module in (item_knn, sequential)}  # fmt: skip
    if tower_seconds is not None:
        fitted["two_tower"] = two_tower.fit(train, items, seed=7, budget_seconds=tower_seconds)
    examples, blend = label(train, items, fitted, ExampleSettings(), 7, tower_seconds or 0.0)
    forest = lambdamart.fit(examples, blend=blend, seed=7, budget_seconds=20)
    store = ReleaseStore(settings.releases)
    staging = store.stage(CHAMPION_ID)
    sources = {name: model for name, model in fitted.items() if name != "two_tower"}
    write_sources(staging, train, items, sources)
    forest.export(staging)
    tower = fitted.get("two_tower")
    if isinstance(tower, two_tower.FittedTwoTower):
        tower.export(staging, int(CHAMPION_ID[1:], 16))
    manifest = Manifest(
        id=CHAMPION_ID, created_at=to, git_commit="0" * 40, data_from=began, data_to=to, data_hash="d", seed=7,
        feature_set=feature_set(FEATURES), features=FEATURES, ranking_features=RANKING_FEATURES, vector_size=64,
        items=len(items), ranker="lambdamart", labels="later actions", notes={"trained_to": cut.isoformat()},
    )  # fmt: skip
    store.publish(staging, manifest)
    engine = connect(settings.database_url)
    held = Pointers(engine).get(CHAMPION)
    Pointers(engine).move(CHAMPION, CHAMPION_ID, held.revision, who="test", why="test")
    engine.dispose()
