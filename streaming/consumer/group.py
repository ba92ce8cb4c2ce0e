"""A consumer's place in its group: its settings, and which partitions it was given and lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import TopicPartition

METADATA_MS = 5_000
"""How soon a new partition, or a topic that came after the consumer, is seen (kafka-python: five minutes)."""


@dataclass(frozen=True)
class LoopSettings:
    """``batch`` events at most are applied together; ``refresh_seconds`` between looks at pointers and lag."""

    bootstrap: str
    prefix: str
    batch: int = 1000
    poll_ms: int = 200
    refresh_seconds: float = 1.0
    backoff_seconds: float = 0.2
    backoff_most_seconds: float = 2.0
    session_ms: int = 10_000
    heartbeat_ms: int = 2_000


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what was given and taken; the loop acts on it after the poll."""

    def __init__(self) -> None:
        self.fresh: set[int] = set()
        self.revoked: set[int] = set()

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self.fresh |= {p.partition for p in assigned}

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        self.revoked |= {p.partition for p in revoked}
        self.fresh -= self.revoked


def group_id(prefix: str) -> str:
    """The consumer group that keeps the online state of an installation."""
    return f"{prefix}online"
