"""A data set with a plan in it: what follows an item is known, and popularity says nothing of it."""

import numpy as np
import pyarrow as pa
import pytest

from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences

ITEMS = 60
USERS = 240


def planted(users: int = USERS, items: int = ITEMS, length: int = 12, timed: bool = True, seed: int = 3) -> Sequences:
    """Each user walks a ring of items in steps of one, from a random place; every sixth action is noise."""
    random = np.random.default_rng(seed)
    start = random.integers(0, items, users)
    walk = (start[:, None] + np.arange(length)) % items
    noisy = random.random(walk.shape) < 1 / 6
    walk = np.where(noisy, random.integers(0, items, walk.shape), walk)
    walk[:, -2:] = (start[:, None] + np.arange(length - 2, length)) % items
    columns = {
        "user_id": [f"u{u}" for u in range(users) for _ in range(length)],
        "item_id": [f"item {i}" for i in walk.ravel()],
        "timestamp": np.tile(1_700_000_000 + 60 * np.arange(length), users),
    }
    if not timed:
        del columns["timestamp"]
    return Sequences.from_table(pa.table(columns))


@pytest.fixture(scope="session")
def ring() -> Sequences:
    """240 users of 12 timed actions on 60 items with text ids."""
    return planted()


@pytest.fixture(scope="session")
def ring_items(ring: Sequences) -> ItemTable:
    """Items in six categories of neighbours on the ring, made in two years."""
    numbers = [int(item_id.split()[1]) for item_id in ring.item_ids]
    table = pa.table(
        {
            "item_id": ring.item_ids,
            "category": [[f"part {number // 10}"] for number in numbers],
            "title": [f"Item {number} ({1990 + number % 2})" for number in numbers],
        }
    )
    return ItemTable.from_table(table, ring.item_ids)
