"""The daily features of many items, and which items changed since: Redis tells, so that a million rows are read once.

Redis (6 or later) sends the keys of changed rows to whoever tracks their prefix: client-side caching in broadcasting
mode. It needs no setting of the server, costs nothing while nothing changes, and tells the writes of Feast's own client
too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import redis

from feature_repo.online import ITEM_DAILY, PROJECT, FieldType
from feature_repo.redis_layout import (
    decode_entity_key,
    decode_value,
    decode_version,
    encode_entity_key,
    field_hash,
    key_head,
    timestamp_field,
)

_ITEM = ITEM_DAILY.join_keys[0]
_CHANNEL = "__redis__:invalidate"


def read_items_daily(
    client: "redis.Redis[bytes]", item_ids: Sequence[str], names: Sequence[str], *, project: str = PROJECT
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The versions int64[n] of the items' rows (the end of their day, microseconds since 1970) and the features
    ``names`` float32[n, k], in one round trip; 0 and NaN where there is none. Raises redis.RedisError."""
    fields = [timestamp_field(ITEM_DAILY.name), *(field_hash(ITEM_DAILY.name, name) for name in names)]
    pipe = client.pipeline(transaction=False)
    for item_id in item_ids:
        pipe.hmget(encode_entity_key(project, {_ITEM: item_id}), fields)
    replies = pipe.execute()
    values = [[decode_value(FieldType.FLOAT32, payload) for payload in reply[1:]] for reply in replies]
    return (
        np.array([decode_version(reply[0]) for reply in replies], np.int64),
        np.array(values, np.float32).reshape(len(replies), len(names)),
    )


class ItemChanges:
    """Follows the rows of all items from its creation on, on a connection of its own. For one thread."""

    def __init__(self, client: "redis.Redis[bytes]", *, project: str = PROJECT) -> None:
        """Connects as ``client`` does. Raises redis.RedisError."""
        self._project = project
        self._connection: Any = client.connection_pool.make_connection()
        own = self._ask("CLIENT", "ID")
        self._ask("CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", "PREFIX", key_head((_ITEM,)))
        self._ask("SUBSCRIBE", _CHANNEL)

    def _ask(self, *command: Any) -> Any:
        self._connection.send_command(*command)
        return self._connection.read_response()

    def since_last(self) -> set[str] | None:
        """Ids of the items whose rows were written or deleted since the last call; None where all of them were.

        Raises redis.RedisError when the connection is lost, and with it what changed since: follow anew, read all.
        """
        changed: set[str] = set()
        everything = False
        answer = self._ask("PING")
        while answer[0] == b"message":
            keys: list[bytes] | None = answer[2]
            everything |= keys is None
            ids = (decode_entity_key(key, _ITEM, self._project) for key in keys or ())
            changed.update(item_id for item_id in ids if item_id is not None)
            answer = self._connection.read_response()
        return None if everything else changed

    def close(self) -> None:
        """Disconnects."""
        self._connection.disconnect()
