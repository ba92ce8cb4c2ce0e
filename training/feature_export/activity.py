"""The state that the stream keeps of every user, computed in bulk by the stream's own fold."""

from collections.abc import Iterator

import pyarrow as pa
import redis

from contracts.clock import Clock
from contracts.errors import UnavailableError
from contracts.events import ACTION_CODES
from feature_repo.activity import Happening, event_key
from feature_repo.redis_state import change_users, folding
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


def seed_users(client: "redis.Redis[bytes]", actions: pa.Table, clock: Clock) -> dict[str, int]:
    """Folds the users' actions into their online state, beside a running stream.

    Returns the version of each user's state where these actions are all that it holds, 0 where the stream knows more:
    what is computed from ``actions`` is as fresh as a state of that version. A repeat changes nothing. Raises
    UnavailableError when Redis fails.
    """
    versions, batch = dict[str, int](), dict[str, list[Happening]]()
    try:
        for user_id, events in happenings(actions):
            batch[user_id] = events
            if len(batch) == AT_ONCE:
                versions |= _fold(client, batch, clock)
                batch = {}
        return versions | _fold(client, batch, clock)
    except redis.RedisError as error:
        raise UnavailableError("Redis", f"{error}; the retry completes the export") from error


def _fold(client: "redis.Redis[bytes]", batch: dict[str, list[Happening]], clock: Clock) -> dict[str, int]:
    versions = {}
    for user_id, (state, version) in change_users(client, {u: folding(e) for u, e in batch.items()}, clock).items():
        known = {event[:4] for event in batch[user_id]}
        versions[user_id] = version if known.issuperset(state.activity.acts) else 0
    return versions
