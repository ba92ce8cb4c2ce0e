"""The online store without one user."""

from collections.abc import Iterable

import redis

from feature_repo.online import PROJECT
from feature_repo.redis_layout import encode_entity_key


def erase_online(client: "redis.Redis[bytes]", user_id: str, releases: Iterable[str], *, project: str = PROJECT) -> int:
    """Deletes the user's row and the vectors under every one of ``releases``. Returns the number of keys that were
    there. Raises redis.RedisError."""
    keys = [encode_entity_key(project, {"user_id": user_id})]
    keys += [encode_entity_key(project, {"user_id": user_id, "release": release}) for release in releases]
    return int(client.delete(*keys))
