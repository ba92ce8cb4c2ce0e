"""The bot filter finds the bots of a simulated world, and few people with them."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from benchmarks.bots import PRECISION, RECALL, WANTED, measure
from simulator.settings import WorldSettings
from simulator.tables import write_tables
from simulator.world import World


def test_precision_and_recall_are_as_promised(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tables(World(WorldSettings(users=500, items=200, days=8, seed=7, bots=0.08)), tmp_path / "world")
    figures = {figure.name: figure.value for figure in measure(spark, tmp_path / "world", tmp_path)}
    with capsys.disabled():
        print("\n" + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))  # noqa: T201
    assert figures["bots"] >= 20
    assert figures[PRECISION] >= WANTED[PRECISION]
    assert figures[RECALL] >= WANTED[RECALL]
