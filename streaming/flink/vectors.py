"""User vectors beside a Flink job: its workers note in Redis whose vectors are behind, here they are computed."""

from collections.abc import Collection

import redis

from contracts.topics import EVENTS
from feature_repo.online import PROJECT, USER_ACTIVITY
from feature_repo.redis_layout import encode_entity_key, timestamp_field
from streaming.partition_state import Progress, read_waiting, write_progress
from streaming.vector_queue import VectorQueue

_VERSION = timestamp_field(USER_ACTIVITY.name)


class NotedDebts:
    """Keeps the vector queue and Redis's sets of waiting users in step. Methods raise redis.RedisError."""

    def __init__(self, client: "redis.Redis[bytes]", queue: VectorQueue, *, project: str = PROJECT) -> None:
        self._client = client
        self._queue = queue
        self._project = project
        self._versions: dict[str, bytes | None] = {}

    def collect(self, *, everybody: bool = False) -> None:
        """Queues who is noted and not queued yet; ``everybody``: all who are noted, for a release that is new."""
        for partition in range(EVENTS.partitions):
            noted = read_waiting(self._client, partition, project=self._project)
            fresh = [user_id for user_id in noted if everybody or user_id not in self._versions]
            versions = self._read_versions(fresh)
            if fresh and not self._queue.add(partition, fresh):
                return  # no release is in service: they stay noted for the first one
            self._versions |= versions

    def settle(self) -> None:
        """Strikes off who came up to date. Whoever acted since being queued is noted again: the worker's own note may
        have come just before it was struck off."""
        for partition, users in self._queue.take_done().items():
            write_progress(self._client, {partition: Progress(done=users)}, {}, project=self._project)
            versions = self._read_versions(users)
            again = [user_id for user_id, version in versions.items() if version != self._versions.pop(user_id)]
            write_progress(self._client, {partition: Progress(waiting=again)}, {}, project=self._project)

    def _read_versions(self, user_ids: Collection[str]) -> dict[str, bytes | None]:
        pipe = self._client.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hget(encode_entity_key(self._project, {"user_id": user_id}), _VERSION)
        return dict(zip(user_ids, pipe.execute(), strict=True))
