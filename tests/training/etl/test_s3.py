"""Spark reads what the lake committed to S3: to a real S3 server, with the jars of ``make s3``."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from contracts.events import Interaction
from lake.store import Lake
from stack import jars
from tests.lake.conftest import s3_endpoint, s3_lake

__all__ = ["s3_endpoint", "s3_lake"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

READ = """
import sys
from pathlib import Path
from contracts.events import Interaction
from lake.store import Lake
from training.etl.session import SparkSettings, spark_session
from training.etl.tables import read_table

root, endpoint, scratch = sys.argv[1:]
settings = SparkSettings(memory="1g", scratch=Path(scratch), s3=True, s3_endpoint=endpoint)
with spark_session("s3", settings) as spark:
    files = Lake(root, s3_endpoint=endpoint).files("interactions", None)
    frame = read_table(spark, files, Interaction.arrow_schema())
    print(*sorted(row.user_id for row in frame.collect()))
"""


@pytest.fixture(scope="module", autouse=True)
def s3a() -> None:
    """Hadoop's S3A in this environment, fetched where it is missing."""
    assert jars.main(["fetch", "s3"]) == 0


def interactions(*users: str) -> pa.Table:
    rows = [
        Interaction(
            event_id=f"e-{user}", user_id=user, item_id="i", action="click",
            timestamp=datetime(2026, 1, 5, tzinfo=UTC), source="test", origin="o",
        ).model_dump(mode="python")
        for user in users
    ]  # fmt: skip
    return pa.Table.from_pylist([row | {"action": "click"} for row in rows], Interaction.arrow_schema())


def test_spark_reads_a_lake_on_s3(s3_lake: Lake, s3_endpoint: str, tmp_path: Path) -> None:
    s3_lake.append("interactions", interactions("ann", "bob"))
    s3_lake.append("interactions", interactions("eve"))
    done = subprocess.run(
        [sys.executable, "-c", READ, s3_lake.root, s3_endpoint, str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["ann", "bob", "eve"]
