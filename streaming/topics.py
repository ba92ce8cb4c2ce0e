"""Makes the declared topics exist as declared, when a program starts."""

import socket
from collections.abc import Sequence
from typing import Any

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAlreadyExistsError

from contracts.errors import ConflictError, UnavailableError
from contracts.topics import SEGMENT_MS, TOPICS, Topic

SETTLE_SECONDS = 15.0
REACH_SECONDS = 5.0


def ensure_topics(bootstrap: str, prefix: str, *, topics: Sequence[Topic] = TOPICS, replication: int = 1) -> None:
    """Creates what is missing and compares what is there with its declaration.

    Raises ConflictError where a topic has another number of partitions: a user's events would change partition and
    lose their order; UnavailableError when the broker does not answer.
    """
    reach(bootstrap)
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="headwater-topics")
    except KafkaError as error:
        raise UnavailableError("Kafka", f"{bootstrap} does not answer ({error})") from error
    try:
        present = set(admin.list_topics())
        missing = [topic for topic in topics if topic.address(prefix) not in present]
        if missing:
            _create(admin, missing, prefix, replication)
        for described in _described(admin, [topic.address(prefix) for topic in topics]):
            _compare(described, topics, prefix)
    except KafkaError as error:
        raise UnavailableError("Kafka", f"topics could not be created or read ({error})") from error
    finally:
        admin.close()


def reach(bootstrap: str) -> None:
    """Looks for a listener: Kafka's clients try for half a minute and leave their sockets open.

    Raises UnavailableError when there is none.
    """
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), REACH_SECONDS).close()
        except (OSError, ValueError):
            continue
        return
    raise UnavailableError("Kafka", f"nobody listens on {bootstrap}")


def _create(admin: Any, missing: Sequence[Topic], prefix: str, replication: int) -> None:
    try:
        admin.create_topics(
            [
                NewTopic(
                    name=topic.address(prefix),
                    num_partitions=topic.partitions,
                    replication_factor=replication,
                    topic_configs={
                        "retention.ms": str(topic.retention_ms),
                        "segment.ms": str(SEGMENT_MS),
                        "cleanup.policy": "compact" if topic.compacted else "delete",
                    },
                )
                for topic in missing
            ]
        )
    except TopicAlreadyExistsError:
        return  # another program that starts now was quicker; what it made is compared all the same


def _described(admin: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """The topics' metadata, once every partition has a leader: a consumer that joins before is given nothing."""
    try:
        admin.wait_for_topics(names, timeout_ms=SETTLE_SECONDS * 1000)
    except KafkaTimeoutError as error:
        raise UnavailableError("Kafka", f"topics are not led by a broker ({error})") from error
    described: list[dict[str, Any]] = admin.describe_topics(names)
    return described


def _compare(described: dict[str, Any], topics: Sequence[Topic], prefix: str) -> None:
    name = described["name"]
    declared = next(topic for topic in topics if topic.address(prefix) == name)
    found = len(described["partitions"])
    if found != declared.partitions:
        raise ConflictError(
            f"topic {name} has {found} partitions, declared are {declared.partitions}: changing the number would break "
            "the order of a user's events; declare a topic of a new name and replay into it"
        )
