"""Who was erased and when, as the stream knows it: messages of before stay in Kafka and must not be folded again.

One hash, digest of the user's id → epoch seconds of the request. It is written before the rows are deleted, and lives
as long as Kafka may hold a message of before the last request.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import cast

import redis

from contracts.topics import LONGEST_KEPT_SECONDS

KEY = b"erased"


def digest(user_id: str) -> str:
    """SHA-256 of the id: names an erasure without naming the user."""
    return hashlib.sha256(user_id.encode()).hexdigest()


def remember(client: "redis.Redis[bytes]", erased: Mapping[str, float]) -> None:
    """Adds erasures: digest → when it was asked for. Raises redis.RedisError."""
    if erased:
        pipe = client.pipeline(transaction=True)
        pipe.hset(KEY, mapping=cast("Mapping[str | bytes, bytes | float | int | str]", erased))
        pipe.expire(KEY, int(LONGEST_KEPT_SECONDS))
        pipe.execute()


def forget(client: "redis.Redis[bytes]", erased: Mapping[str, float]) -> None:
    """Removes erasures (digest → when it was asked for) that Kafka holds nothing of any more; one that was asked for
    again since stays. Raises redis.RedisError."""
    for user_digest, asked in erased.items():
        held = client.hget(KEY, user_digest)
        if held is not None and float(held) <= asked:
            client.hdel(KEY, user_digest)


def erased_until(client: "redis.Redis[bytes]", user_ids: Collection[str]) -> dict[str, float]:
    """When those of the users that were erased asked for it: what was received until then is not to be folded."""
    if not user_ids or not client.hlen(KEY):
        return {}
    asked = client.hmget(KEY, [digest(user_id) for user_id in user_ids])
    return {user_id: float(when) for user_id, when in zip(user_ids, asked, strict=True) if when is not None}
