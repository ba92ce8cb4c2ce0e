"""Train and test as someone else divided them."""

import numpy as np
import pyarrow as pa

from pipeline.user import History
from training.datasets.columns import epoch_seconds
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.evaluation.metrics import Ragged
from training.protocols.split import Split, by_history, by_time_since

_COLUMNS = ("user_id", "item_id", "action", "timestamp", "value")


def given_split(train_table: pa.Table, test_table: pa.Table, items_table: pa.Table | None = None) -> Split:
    """Tests every user of ``test_table`` on all of their items there. The catalogue is every item of either table.

    A user or item that only the test knows is kept: nobody can find such an item but by its features, and it counts
    in recall. A target that the user met in training is never recommended and counts as missed. Where both tables
    have times, a user is asked at the moment of the first test action; else a history is a set.
    """
    timed = all(epoch_seconds(table, "timestamp") is not None for table in (train_table, test_table))
    if not timed:
        train_table, test_table = (_untimed(table) for table in (train_table, test_table))
    both = pa.concat_tables([_known(train_table), _known(test_table)], promote_options="permissive")
    item_ids = Sequences.from_table(both).item_ids
    train = Sequences.from_table(train_table, item_ids)
    test = Sequences.from_table(test_table, item_ids)
    known = [train.user_index.get(user_id) for user_id in test.user_ids]
    bare = History(np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.float64), train.ordered)
    histories = [bare if u is None else train.history(u) for u in known]
    now = np.minimum.reduceat(test.times, test.indptr[:-1])
    targets = [np.unique(test.history(u).rows) for u in range(test.users)]
    items = ItemTable.bare(item_ids) if items_table is None else ItemTable.from_table(items_table, item_ids)
    return Split(
        "given-split",
        train,
        items.with_first_seen(train.first_seen()),
        histories,
        now,
        Ragged.of([history.rows for history in histories]),
        Ragged.of(targets),
        (by_time_since(histories, now) if timed else {}) | by_history(histories),
    )


def _known(table: pa.Table) -> pa.Table:
    return table.select([name for name in _COLUMNS if name in table.column_names])


def _untimed(table: pa.Table) -> pa.Table:
    return table.drop_columns(["timestamp"]) if "timestamp" in table.column_names else table
