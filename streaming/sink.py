"""The lake sink: what the topics hold and the lake does not, by Spark Structured Streaming until nothing is left.

Exactly once comes from both sides: the checkpoint replays a batch that was cut off with the same messages, and the lake
inserts a row only when its key is new, in one atomic commit. So a killed sink, a lost checkpoint and a client that sent
an event twice all end in one row.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQueryException

from contracts.clock import Clock
from contracts.errors import ConflictError, HeadwaterError, UnavailableError
from lake.store import Lake
from streaming.dirty_days import mark
from streaming.sink_rows import Feed, to_rows

DONE = "done.json"
"""Where the last complete run of a feed ended: partition → offset. As old as that run."""

MESSAGES_AT_ONCE = 200_000
"""Messages of one batch: they pass through the driver's memory."""


@dataclass
class SinkReport:
    """What one run of a feed did. ``refused`` messages broke the contract; ``dirty`` days had ended already."""

    table: str
    messages: int = 0
    inserted: int = 0
    refused: int = 0
    dirty: set[date] = field(default_factory=set)

    def as_json(self) -> dict[str, object]:
        """For printing."""
        return {
            "table": self.table,
            "messages": self.messages,
            "inserted": self.inserted,
            "refused": self.refused,
            "dirty_days": [day.isoformat() for day in sorted(self.dirty)],
        }


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the feed's lock. Raises ConflictError while another sink runs."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError("another lake sink runs; wait until it has ended") from error
        yield


def ends(feed: Feed, bootstrap: str, prefix: str) -> dict[str, int]:
    """The offset behind the last message of each partition. Raises UnavailableError."""
    try:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap)
        try:
            places = [TopicPartition(feed.topic.address(prefix), p) for p in range(feed.topic.partitions)]
            return {str(place.partition): end for place, end in consumer.end_offsets(places).items()}
        finally:
            consumer.close()
    except KafkaError as error:
        raise UnavailableError("Kafka", f"{bootstrap} does not answer ({error})") from error


def behind(feed: Feed, bootstrap: str, prefix: str, folder: Path) -> int:
    """Messages that came since the last complete run: none cost no Spark session. Raises UnavailableError."""
    done = folder / DONE
    held = json.loads(done.read_text()) if done.exists() else {}
    return sum(max(0, end - held.get(partition, 0)) for partition, end in ends(feed, bootstrap, prefix).items())


def run_feed(
    spark: SparkSession, feed: Feed, lake: Lake, bootstrap: str, prefix: str, folder: Path, clock: Clock
) -> SinkReport:
    """Brings one topic into its table. ``folder`` keeps the checkpoint. Raises HeadwaterError when it stops."""
    report = SinkReport(feed.table)

    def write(batch: DataFrame, _: int) -> None:
        arrow = batch.select("value", "partition", "offset").toArrow()
        rows, refused = to_rows(feed, zip(*(column.to_pylist() for column in arrow.columns), strict=True))
        report.messages += arrow.num_rows
        report.refused += refused
        if rows.num_rows:
            report.inserted += lake.merge(feed.table, rows, feed.key)
            days = pc.unique(pc.cast(rows["timestamp"], "date32")).to_pylist()
            report.dirty |= set(mark(lake, feed.table, days, clock))

    goal = ends(feed, bootstrap, prefix)
    with only_one(folder):
        query = (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", bootstrap)
            .option("subscribe", feed.topic.address(prefix))
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "false")
            .option("maxOffsetsPerTrigger", MESSAGES_AT_ONCE)
            .load()
            .writeStream.foreachBatch(write)
            .option("checkpointLocation", str(folder / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        try:
            query.awaitTermination()
        except StreamingQueryException as error:
            raise HeadwaterError(f"the lake sink of {feed.topic.name} stopped: {str(error).splitlines()[0]}") from error
        finally:
            query.stop()
        if report.inserted:
            lake.compact(feed.table)
        waiting = folder / f"{DONE}.new"
        waiting.write_text(json.dumps(goal))
        waiting.replace(folder / DONE)
    return report
