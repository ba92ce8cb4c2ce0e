"""The user's state as stored: read, folded and written over exactly the version that was read, by many writers.

The consumer folds events with it, a bulk load folds histories of the lake with it while the consumer runs. A writer
that loses the race reads and folds again; since the folds do not mind repetition, nothing is lost or counted twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import redis

from contracts.clock import Clock
from contracts.errors import ConflictError
from feature_repo import activity, seen
from feature_repo.activity import Happening, UserActivity
from feature_repo.online import PROJECT, USER_ACTIVITY, USER_SEEN
from feature_repo.redis_layout import encode_entity_key, encode_row, encode_version, timestamp_field
from feature_repo.redis_reader import StateRow, read_states
from feature_repo.redis_writer import Write, next_version, write_all
from feature_repo.seen import UserSeen

ATTEMPTS = 10
_GUARD = timestamp_field(USER_ACTIVITY.name)


@dataclass(frozen=True, slots=True)
class UserState:
    """What the stream keeps of a user."""

    activity: UserActivity = activity.INITIAL
    seen: UserSeen = seen.INITIAL


Change = Callable[[UserState], UserState]
"""Folds into a state; called again on a newer one when another writer came first. Unchanged parts stay identical."""


def folding(happenings: Sequence[Happening]) -> Change:
    """The change that folds events, in whatever order, into a state."""
    return lambda state: UserState(activity.fold(state.activity, *happenings), seen.fold(state.seen, *happenings))


def _write(project: str, user_id: str, row: StateRow, state: UserState, version: int) -> Write:
    fields = encode_row(USER_ACTIVITY, activity.to_features(state.activity), version)
    if state.seen is not row.seen or row.version == 0:
        fields |= encode_row(USER_SEEN, seen.to_features(state.seen), version)
    expected = encode_version(row.version) if row.version else b""
    return Write(encode_entity_key(project, {"user_id": user_id}), _GUARD, expected, fields)


def change_users(
    client: "redis.Redis[bytes]",
    changes: Mapping[str, Change],
    clock: Clock,
    *,
    project: str = PROJECT,
    rows: Mapping[str, StateRow] | None = None,
) -> dict[str, tuple[UserState, int]]:
    """Applies a change to every user and returns each one's state and version after it, also where nothing changed.

    ``rows`` are rows read just before, to save the first read. Two round trips when nobody interferes, one with
    ``rows``. Raises redis.RedisError; ConflictError when others keep writing the same users.
    """
    after: dict[str, tuple[UserState, int]] = {}
    waiting = list(changes)
    held = dict(rows or {})
    for _ in range(ATTEMPTS):
        if missing := [user_id for user_id in waiting if user_id not in held]:
            held |= dict(zip(missing, read_states(client, missing, project=project), strict=True))
        writes, written = [], []
        for user_id in waiting:
            row = held[user_id]
            before = UserState(row.activity, row.seen)
            state = changes[user_id](before)
            if state.activity is before.activity and state.seen is before.seen and row.version:
                after[user_id] = (before, row.version)
                continue
            version = next_version(row.version, clock)
            writes.append(_write(project, user_id, row, state, version))
            written.append((user_id, state, version))
        for (user_id, state, version), done in zip(written, write_all(client, writes), strict=True):
            held.pop(user_id)
            if done:
                after[user_id] = (state, version)
        waiting = [user_id for user_id in waiting if user_id not in after]
        if not waiting:
            return after
    raise ConflictError(f"{len(waiting)} users kept changing while they were written; write them again")
