"""``python -m streaming.flink.job``, in Flink's own environment: the events topic folded into the online state.

``--namespace`` writes beside the live state. The job runs on a cluster of its own within this process, or on the one
that ``flink run`` names. It ends when its standard input does, so that no job outlives the program that started it.
"""

import argparse
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import redis
from pyflink.common import Configuration
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf

from contracts.errors import HeadwaterError, UnavailableError
from contracts.settings import Settings
from contracts.topics import EVENTS
from feature_repo.online import PROJECT
from streaming.consumer.group import group_id
from streaming.flink.environment import connector
from streaming.flink.fold import Fold, Places
from streaming.partition_state import read_marks

BATCH = 1000
BATCH_MS = 100
"""A batch is applied when it is full or so old; also before a checkpoint."""

CHECKPOINT = "5s"
LONGEST_PAUSE = "10s"
"""Between two restarts while a server is away."""


def configuration(settings: Settings) -> Configuration:
    """The job's options, by Flink's own names."""
    options = {
        "pipeline.name": "headwater-fold",
        "pipeline.jars": connector(Path(sys.prefix)).as_uri(),
        "parallelism.default": settings.flink_parallelism,
        "taskmanager.numberOfTaskSlots": settings.flink_parallelism,
        "execution.checkpointing.interval": CHECKPOINT,
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.max-backoff": LONGEST_PAUSE,
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.arrow.batch.size": BATCH,
        "python.fn-execution.bundle.size": BATCH,
        "python.fn-execution.bundle.time": BATCH_MS,
        "rest.address": settings.bind,
        "rest.bind-address": settings.bind,
        "rest.port": settings.flink_port,
        "taskmanager.bind-host": settings.bind,
    }
    chosen = Configuration()
    for name, value in options.items():
        chosen.set_string(name, str(value))
    return chosen


def source(settings: Settings, starts: Mapping[int, int]) -> str:
    """The events topic as a table; a new job reads each partition from ``starts``, a restored one from its checkpoint.

    An offset past retention is read from what is left.
    """
    offsets = ";".join(f"partition:{partition},offset:{offset}" for partition, offset in sorted(starts.items()))
    return f"""
        CREATE TABLE events (
            payload BYTES,
            `partition` INT NOT NULL METADATA VIRTUAL,
            `offset` BIGINT NOT NULL METADATA VIRTUAL
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{EVENTS.address(settings.topic_prefix)}',
            'properties.bootstrap.servers' = '{settings.kafka_bootstrap}',
            'properties.group.id' = '{group_id(settings.topic_prefix)}',
            'format' = 'raw',
            'scan.startup.mode' = 'specific-offsets',
            'scan.startup.specific-offsets' = '{offsets}'
        )"""


def start_places(settings: Settings, namespace: str) -> dict[int, int]:
    """Where Redis stands, which is never behind a checkpoint. Raises UnavailableError."""
    try:
        with redis.Redis.from_url(settings.redis_url) as client:
            marks = read_marks(client, range(EVENTS.partitions), project=namespace)
    except redis.RedisError as error:
        raise UnavailableError("Redis", f"the job cannot see where to start ({error})") from error
    return {partition: mark.applied or 0 for partition, mark in marks.items()}


def run(settings: Settings, namespace: str) -> None:
    """Runs the job until it fails for good or is cancelled. Raises HeadwaterError when it cannot start."""
    starts = start_places(settings, namespace)
    environment = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration(settings))
    tables = TableEnvironment.create(environment.build())
    places = Places(settings.kafka_bootstrap, settings.topic_prefix, settings.redis_url, settings.clock, namespace)
    tables.create_temporary_function(
        "fold", udf(Fold(places), result_type=DataTypes.BIGINT(), deterministic=False, func_type="pandas")
    )
    tables.execute_sql(source(settings, starts))
    tables.execute_sql("CREATE TABLE applied (`offset` BIGINT) WITH ('connector' = 'blackhole')")
    tables.execute_sql("INSERT INTO applied SELECT fold(`partition`, `offset`, payload) FROM events").wait()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> int:
    """Reads the arguments and runs. Returns 0 after the job was cancelled, 1 after a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="streaming.flink.job")
    parser.add_argument("--namespace", default=PROJECT, help="the Feast project to write (default: the live one)")
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        run(Settings(), arguments.namespace)
    except HeadwaterError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
