"""Writes a world as the tables of the interface, and beside them the truth that a pipeline must find."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simulator.events import ACTIONS, NO_REQUEST, Actions, Shown
from simulator.generation import play
from simulator.people import COHORTS, COUNTRIES, DEVICES, PERSON
from simulator.randomness import Floats, Ints
from simulator.settings import WorldSettings
from simulator.titles import CATEGORIES
from simulator.world import World

TIME = pa.timestamp("us", tz="UTC")


def _times(seconds: NDArray[np.float64]) -> pa.Array:
    return pa.array(np.round(seconds * 1e6).astype(np.int64)).cast(TIME)


def _named(names: tuple[str, ...] | list[str], rows: Ints) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(rows))


def _numbered(prefix: str, numbers: Ints) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers, mask=numbers < 0).cast(pa.string()), "")


def _numbers(values: Floats) -> pa.Array:
    return pa.array(np.round(values.astype(np.float64), 6), mask=np.isnan(values))


def interactions_table(world: World, actions: Actions, first_event: int) -> pa.Table:
    """Table ``interactions`` of ``actions``; events are numbered from ``first_event``."""
    number = np.arange(first_event, first_event + len(actions.users))
    return pa.table(
        {
            "user_id": _named(world.people.ids, actions.users),
            "item_id": _named(world.catalogue.ids, actions.items),
            "action": _named(ACTIONS, actions.actions),
            "timestamp": _times(actions.times),
            "value": _numbers(actions.values),
            "event_id": _numbered(f"s{world.settings.seed}-", number),
            "request_id": _numbered("r", np.where(actions.requests == NO_REQUEST, -1, actions.requests)),
        }
    )


def impressions_table(world: World, shown: Shown) -> pa.Table:
    """Table ``impressions`` of ``shown``."""
    return pa.table(
        {
            "request_id": _numbered("r", shown.requests),
            "user_id": _named(world.people.ids, shown.users),
            "item_id": _named(world.catalogue.ids, shown.items),
            "position": pa.array(shown.positions.astype(np.int64)),
            "timestamp": _times(shown.times),
            "propensity": _numbers(shown.propensities),
        }
    )


def items_table(world: World) -> pa.Table:
    """Table ``items``: those born before the end."""
    catalogue = world.catalogue
    known = np.flatnonzero(catalogue.born < world.settings.end)
    pairs = zip(catalogue.category[known], catalogue.second[known], strict=True)
    return pa.table(
        {
            "item_id": _named(catalogue.ids, known),
            "category": [[CATEGORIES[kind] for kind in pair if kind >= 0] for pair in pairs],
            "title": _named(catalogue.titles, known),
            "created_at": _times(catalogue.born[known]),
            "price": _numbers(catalogue.price[known]),
        }
    )


def users_table(world: World) -> pa.Table:
    """Table ``users``: those who have joined before the end, bots too (they do not say so)."""
    people = world.people
    known = np.flatnonzero(people.joined < world.settings.end)
    return pa.table(
        {
            "user_id": _named(people.ids, known),
            "cohort": _named(COHORTS, people.cohort[known]),
            "created_at": _times(people.joined[known]),
            "country": _named(COUNTRIES, people.country[known]),
            "device": _named(DEVICES, people.device[known]),
        }
    )


def write_tables(world: World, out: Path, progress: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Writes interactions, impressions, items and users (Parquet) and ``truth/`` into ``out``. Returns rows a table.

    ``truth/bots.parquet`` lists accounts that are no people and their kind; ``truth/world.json`` holds the settings
    from which the same world is built again.
    """
    (out / "truth").mkdir(parents=True, exist_ok=True)
    counts = {"interactions": 0, "impressions": 0}
    writers: dict[str, pq.ParquetWriter] = {}
    try:
        for actions, shown in play(world, progress):
            tables = {
                "interactions": interactions_table(world, actions, counts["interactions"]),
                "impressions": impressions_table(world, shown),
            }
            for name, table in tables.items():
                if name not in writers:
                    writers[name] = pq.ParquetWriter(out / f"{name}.parquet", table.schema, compression="zstd")
                writers[name].write_table(table)
                counts[name] += table.num_rows
    finally:
        for writer in writers.values():
            writer.close()
    for name, table in {"items": items_table(world), "users": users_table(world)}.items():
        pq.write_table(table, out / f"{name}.parquet", compression="zstd")
        counts[name] = table.num_rows
    bots = np.flatnonzero(world.people.kind != PERSON)
    truth = pa.table({"user_id": _named(world.people.ids, bots), "kind": pa.array(world.people.kind[bots].tolist())})
    pq.write_table(truth, out / "truth" / "bots.parquet")
    world.settings.save(out / "truth" / "world.json")
    return counts


def load_world(out: Path) -> World:
    """Builds the world again whose tables ``write_tables`` put into ``out``."""
    return World(WorldSettings.load(out / "truth" / "world.json"))
