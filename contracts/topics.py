"""Every Kafka topic, declared once. Partitions go by key, so a user's messages keep their order."""

from dataclasses import dataclass

DAY_MS = 86_400_000

SEGMENT_MS = DAY_MS
"""Messages are deleted a segment at a time, when its last one is past retention: so long after the first."""


@dataclass(frozen=True)
class Topic:
    """A topic as it must exist. ``partitions`` may never change: that would break the order of a user's events."""

    name: str
    partitions: int
    retention_ms: int
    compacted: bool = False

    def address(self, prefix: str) -> str:
        """The name on the broker under the installation's ``prefix``."""
        return prefix + self.name


EVENTS = Topic("events", partitions=8, retention_ms=7 * DAY_MS)
IMPRESSIONS = Topic("impressions", partitions=8, retention_ms=7 * DAY_MS)
CONFIRMATIONS = Topic("confirmations", partitions=8, retention_ms=7 * DAY_MS)
CATALOGUE = Topic("catalogue", partitions=1, retention_ms=-1, compacted=True)
DEAD_LETTERS = Topic("dead-letters", partitions=1, retention_ms=30 * DAY_MS)

TOPICS = (EVENTS, IMPRESSIONS, CONFIRMATIONS, CATALOGUE, DEAD_LETTERS)

LONGEST_KEPT_SECONDS = (max(topic.retention_ms for topic in TOPICS if not topic.compacted) + SEGMENT_MS) / 1000
"""After this long no broker holds a message of before, but for a compacted topic's, which name no user."""
