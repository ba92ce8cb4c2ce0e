"""Apache Kafka: one KRaft node (broker and controller in a process) from the pinned jars."""

import base64
import subprocess
import uuid
from functools import partial
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError
from contracts.topics import SEGMENT_MS
from lake.spark_jars import jar_folder
from stack.health import kafka_answers
from stack.java import java_binary
from stack.server import Server

LOGGING: Final = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def kafka_server(home: Path, host: str, port: int, controller_port: int, topic_prefix: str) -> Server:
    """A broker on ``host:port`` with data under ``home/kafka``; when healthy, every declared topic exists."""
    folder = home / "kafka"
    heap = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
    return Server(
        name="kafka",
        command=(*_java(folder), *heap, "kafka.Kafka", str(folder / "server.properties")),
        address=f"{host}:{port}",
        ports=(port, controller_port),
        healthy=lambda _started: kafka_answers(host, port),
        prepare=partial(_format, folder, host, port, controller_port),
        finish=partial(create_topics, f"{host}:{port}", topic_prefix),
        stop_seconds=30,
    )


def _java(folder: Path) -> tuple[str, ...]:
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"
    return (java_binary(), "-cp", f"{jar_folder('kafka')}/*", logging, "-Djava.awt.headless=true")


def _properties(folder: Path, host: str, port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{host}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.segment.bytes": 64 << 20,
        "log.roll.ms": SEGMENT_MS,  # for topics that were made before they said so themselves
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "controlled.shutdown.enable": "true",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _format(folder: Path, host: str, port: int, controller_port: int) -> None:
    """Writes the configuration in force and gives the log folder its cluster id, once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log4j2.properties").write_text(LOGGING)
    properties = folder / "server.properties"
    properties.write_text(_properties(folder, host, port, controller_port))
    if (folder / "data" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = (*_java(folder), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise HeadwaterError(f"Kafka could not format {folder}: {reason[-1] if reason else 'no reason given'}")


def create_topics(bootstrap: str, prefix: str) -> None:
    """Makes every declared topic exist under ``prefix``."""
    from streaming.topics import ensure_topics

    ensure_topics(bootstrap, prefix)
