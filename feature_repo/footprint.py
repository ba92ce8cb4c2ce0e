"""What one user costs online, in bytes: the bound that ``tests/feature_repo`` holds the stored rows to."""

from contracts.release import HISTORY_LENGTH
from feature_repo.online import PROJECT, USER_ACTIVITY, USER_SEEN
from feature_repo.seen import SEEN_LENGTH

_LENGTH_BYTES = 3
"""Tag and length of a text of up to 16,383 bytes."""

_ACT_BYTES = 1 + 7 + 9
"""Packed varints of an action code, an epoch time in milliseconds and a 63-bit event key."""

_SEEN_BYTES = 1 + 3
"""Packed varints of an action code and a day."""

_FIELD_BYTES = 4 + 16
"""A field's name in the hash, and tags, lengths or a number of its value."""

_TIMESTAMP_BYTES = 2 * 32


def state_bytes(item_id_bytes: int) -> int:
    """Upper bound of names and values of ``user_activity`` and ``user_seen`` for item ids of up to so many bytes."""
    fields = len(USER_ACTIVITY.fields) + len(USER_SEEN.fields)
    return (
        HISTORY_LENGTH * (item_id_bytes + _LENGTH_BYTES + _ACT_BYTES)
        + SEEN_LENGTH * (item_id_bytes + _LENGTH_BYTES + _SEEN_BYTES)
        + fields * _FIELD_BYTES
        + _TIMESTAMP_BYTES
    )


def key_bytes(user_id_bytes: int, project: str = PROJECT) -> int:
    """Length of the Redis key of a user."""
    return 4 + 8 + len("user_id") + 8 + user_id_bytes + len(project.encode())
