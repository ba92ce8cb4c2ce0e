"""``headwater bench bots``: precision and recall of the bot filter on a simulated world, whose bots are known.

``--world DIR`` takes a generated world (``python -m simulator generate``); without it one of ``--users``, ``--items``,
``--days`` and ``--seed`` is generated. An account counts when it did anything at all.
"""

import argparse
import tempfile
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks.result import Figure
from contracts.events import Interaction
from simulator.settings import WorldSettings
from simulator.tables import write_tables
from simulator.world import World
from training.etl.abuse import REASONS, AbuseRules
from training.etl.clean import clean
from training.etl.session import SparkSettings, spark_session
from training.etl.tables import read_table

PRECISION, RECALL = "bot_filter_precision", "bot_filter_recall"
WANTED = {PRECISION: 0.95, RECALL: 0.90}
"""What the pipeline promises."""


def measure(spark: SparkSession, world: Path, scratch: Path) -> list[Figure]:
    """Cleans the interactions of a generated world and compares who was dropped with ``truth/bots.parquet``."""
    rows = _lake_rows(pq.read_table(world / "interactions.parquet"))
    pq.write_table(rows, scratch / "interactions.parquet")
    frame = read_table(spark, [str(scratch / "interactions.parquet")], Interaction.arrow_schema())
    first, last = pc.min_max(rows["timestamp"]).values()
    cleaned = clean(frame, first.as_py(), last.as_py() + timedelta(seconds=1), AbuseRules())
    judged = cleaned.dropped.where(cleaned.dropped["reason"].isin(*REASONS)).select("user_id").distinct()
    dropped = {row.user_id for row in judged.collect()}
    cleaned.abusers.unpersist()
    truth = pq.read_table(world / "truth" / "bots.parquet").to_pylist()
    acted = set(pc.unique(rows["user_id"]).to_pylist())
    bots = {row["user_id"]: row["kind"] for row in truth if row["user_id"] in acted}
    caught = dropped & bots.keys()
    figures = [
        Figure(PRECISION, len(caught) / max(len(dropped), 1), "share", "promised", WANTED[PRECISION]),
        Figure(RECALL, len(caught) / max(len(bots), 1), "share", "promised", WANTED[RECALL]),
    ]
    for kind in sorted(set(bots.values())):
        of_kind = {user for user, its in bots.items() if its == kind}
        figures.append(Figure(f"{RECALL}_{kind}", len(caught & of_kind) / len(of_kind), "share"))
    return [*figures, Figure("bots", len(bots), "accounts"), Figure("dropped", len(dropped), "accounts")]


def _lake_rows(actions: pa.Table) -> pa.Table:
    """The rows as the import would have put them into the lake."""
    n = len(actions)
    schema = Interaction.arrow_schema()
    stated = {"source": pa.array(["import"] * n), "origin": pa.array([f"world:{row}" for row in range(n)])}
    columns = [
        actions[name] if name in actions.column_names else stated.get(name, pa.nulls(n, schema.field(name).type))
        for name in schema.names
    ]
    return pa.table(columns, names=schema.names).cast(schema)


def run(argv: list[str]) -> list[Figure]:
    """Measures and returns one row a figure."""
    parser = argparse.ArgumentParser(prog="headwater bench bots")
    parser.add_argument("--world", type=Path, help="folder of a generated world")
    for name, size in (("users", 5000), ("items", 2000), ("days", 20), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=size)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="headwater-bots-") as folder:
        scratch, world = Path(folder), options.world
        if world is None:
            world = scratch / "world"
            write_tables(World(WorldSettings(options.users, options.items, options.days, options.seed)), world)
        with spark_session("headwater-bots", SparkSettings(memory="1g", scratch=scratch / "spark")) as spark:
            return measure(spark, world, scratch)
