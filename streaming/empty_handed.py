"""Members of a consumer group that were given no partition: when they should join anew.

kafka-python now and then gives out nothing when the group is formed before the broker knows the topic, and would leave
it at that; such a member may not even say that it lives, and its ``poll`` returns at once, for ever. A member may also
have none because there are more members than partitions: it joins anew ever less often.
"""

FIRST_SECONDS, MOST_SECONDS = 5.0, 600.0
"""Joins anew after so long without a partition, then after twice as long, up to the most."""


class EmptyHanded:
    """How long one member has had no partition. Times are seconds from anywhere."""

    def __init__(self) -> None:
        self._since: float | None = None
        self.patience = FIRST_SECONDS
        """How long it waits before it next joins anew."""

    def should_join(self, assigned: bool, now: float) -> bool:
        """Whether it should join anew now; to be asked again and again, told whether it has any partition."""
        if assigned:
            self._since, self.patience = None, FIRST_SECONDS
            return False
        if self._since is None:
            self._since = now
        if now - self._since <= self.patience:
            return False
        self._since, self.patience = now, min(2 * self.patience, MOST_SECONDS)
        return True
