"""The online store without one user, also when the stream is read again."""

from collections.abc import Iterable, Sequence

import redis

from feature_repo import erased
from feature_repo.online import PROJECT
from feature_repo.redis_layout import encode_entity_key
from serving.erasure.ledger import ERASED, Ledger


def erase_online(client: "redis.Redis[bytes]", user_id: str, releases: Iterable[str], *, project: str = PROJECT) -> int:
    """Deletes the user's row and the vectors under every one of ``releases``. Returns the number of keys that were
    there. Raises redis.RedisError."""
    keys = [encode_entity_key(project, {"user_id": user_id})]
    keys += [encode_entity_key(project, {"user_id": user_id, "release": release}) for release in releases]
    return int(client.delete(*keys))


def filled_again(client: "redis.Redis[bytes]", ledger: Ledger, releases: Sequence[str]) -> int:
    """Erases once more whom Redis does not know as erased: it was emptied since, and the consumer has filled it from
    messages of before. Returns how many users. Call it before ``remember_waiting``. Raises redis.RedisError."""
    waiting = [one for one in ledger.waiting() if one.state == ERASED]
    unknown = [one for one in waiting if not erased.erased_until(client, [one.user_id])]
    for one in unknown:
        erase_online(client, one.user_id, releases)
    return len(unknown)


def remember_waiting(client: "redis.Redis[bytes]", ledger: Ledger) -> None:
    """Tells the stream again which users were erased: a Redis that was emptied has forgotten it, and is filled from
    messages of before. Raises redis.RedisError."""
    erased.remember(client, {one.user_digest: one.requested_at for one in ledger.waiting()})
