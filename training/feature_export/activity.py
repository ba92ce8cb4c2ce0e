"""The state that the stream keeps of every user, computed in bulk by the stream's own fold."""

from collections.abc import Iterator

import pyarrow as pa
import redis

from contracts.clock import Clock
from contracts.errors import UnavailableError
from contracts.events import ACTION_CODES
from feature_repo import activity, seen
from feature_repo.activity import Happening, event_key
from feature_repo.redis_state import Change, UserState, change_users, merging
from feature_repo.seen import SEEN_LENGTH

AT_ONCE = 500
_CODES = {action.value: code for action, code in ACTION_CODES.items()}


def happenings(actions: pa.Table) -> Iterator[tuple[str, list[Happening]]]:
    """Users with their newest actions, from actions sorted by user and time (event_id, user_id, item_id, action,
    timestamp). Only the newest SEEN_LENGTH are folded: older ones could not stand in either state."""
    users = actions["user_id"].to_pylist()
    columns = (
        actions["timestamp"].cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64()).to_pylist(),
        actions["event_id"].to_pylist(),
        actions["item_id"].to_pylist(),
        actions["action"].to_pylist(),
    )
    start = 0
    for stop in range(1, len(users) + 1):
        if stop < len(users) and users[stop] == users[start]:
            continue
        span = range(max(start, stop - SEEN_LENGTH), stop)
        yield (
            users[start],
            [Happening(columns[0][i], event_key(columns[1][i]), columns[2][i], _CODES[columns[3][i]]) for i in span],
        )
        start = stop


def state_of(events: list[Happening]) -> UserState:
    """The state after ``events``, whatever their order."""
    state, met = activity.INITIAL, seen.INITIAL
    for event in events:
        state, met = activity.fold(state, event), seen.fold(met, event)
    return UserState(state, met)


def seed_users(client: "redis.Redis[bytes]", actions: pa.Table, clock: Clock) -> dict[str, int]:
    """Merges the users' actions into their online state, beside a running stream.

    Returns the version of each user's state where these actions are all that it holds, 0 where the stream knows more:
    what is computed from ``actions`` is as fresh as a state of that version. A repeat changes nothing. Raises
    UnavailableError when Redis fails.
    """
    versions, batch = dict[str, int](), dict[str, UserState]()
    try:
        for user_id, events in happenings(actions):
            batch[user_id] = state_of(events)
            if len(batch) == AT_ONCE:
                versions |= _merge(client, batch, clock)
                batch = {}
        return versions | _merge(client, batch, clock)
    except redis.RedisError as error:
        raise UnavailableError("Redis", f"{error}; the retry completes the export") from error


def _merge(client: "redis.Redis[bytes]", states: dict[str, UserState], clock: Clock) -> dict[str, int]:
    changes: dict[str, Change] = {user_id: merging(state) for user_id, state in states.items()}
    after = change_users(client, changes, clock)
    return {
        user_id: version if state.activity.acts == states[user_id].activity.acts else 0
        for user_id, (state, version) in after.items()
    }
