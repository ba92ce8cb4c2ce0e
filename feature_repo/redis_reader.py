"""Reads a user's whole online state in one round trip, from Feast's own layout."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import redis

from contracts.clock import Clock
from feature_repo import activity, seen, trending
from feature_repo.activity import UserActivity
from feature_repo.online import PROJECT, USER_ACTIVITY, USER_DAILY, USER_SEEN, USER_VECTOR, OnlineView
from feature_repo.redis_layout import decode_row, encode_entity_key, row_fields
from feature_repo.seen import UserSeen

_ACTIVITY = replace(USER_ACTIVITY, fields=tuple(f for f in USER_ACTIVITY.fields if f.name in activity.STATE_FIELDS))
"""The view narrowed to what the state is read from."""

_USER_VIEWS = (_ACTIVITY, USER_SEEN, USER_DAILY)
_STATE_VIEWS = (_ACTIVITY, USER_SEEN)
_TOWER_VIEWS = (_ACTIVITY, USER_DAILY)


@cache
def _fields(views: tuple[OnlineView, ...]) -> tuple[bytes, ...]:
    return tuple(name for view in views for name in row_fields(view))


@dataclass(frozen=True, slots=True)
class UserVector:
    """A vector float32[d] and the version of the activity that it was computed from."""

    vector: npt.NDArray[np.float32]
    version: int


@dataclass(frozen=True, slots=True)
class UserRow:
    """Everything online about one user.

    Versions are microseconds since 1970, 0 where there is no row. ``daily`` holds float features by name, empty where
    there is no row. ``vectors`` holds what is there of the releases asked for; a vector whose version is below
    ``version`` is stale: it does not know the last actions yet.
    """

    activity: UserActivity
    seen: UserSeen
    version: int
    daily: dict[str, float]
    daily_version: int
    vectors: dict[str, UserVector]

    @property
    def known(self) -> bool:
        """Whether anything is stored of what the user did."""
        return self.version > 0

    def age_seconds(self, now: float) -> float | None:
        """Seconds since the user's newest action (at least 0); None without one. By the action's own time: a history
        that a training or a replay has just written again is as old as what it tells."""
        acts = self.activity.acts
        return max(0.0, now - (acts[-1].time_ms + 1) / 1000) if acts else None  # times are cut to whole milliseconds

    def daily_age_seconds(self, now: float) -> float | None:
        """Seconds since the end of the day that ``daily`` counts up to (at least 0); None where there is none."""
        return max(0.0, now - self.daily_version / 1e6) if self.daily_version else None

    def stale_vector(self, release: str) -> bool:
        """Whether the release's vector is missing or older than the activity."""
        held = self.vectors.get(release)
        return held is None or held.version < self.version


def _ask(pipe: Any, project: str, user_id: str, releases: Sequence[str]) -> None:
    pipe.hmget(encode_entity_key(project, {"user_id": user_id}), _fields(_USER_VIEWS))
    for release in releases:
        entity = {"user_id": user_id, "release": release}
        pipe.hmget(encode_entity_key(project, entity), row_fields(USER_VECTOR))


def _split(reply: Sequence[bytes | None], views: Sequence[OnlineView]) -> list[tuple[int, dict[str, Any]]]:
    rows, start = [], 0
    for view in views:
        end = start + len(view.fields) + 1
        rows.append(decode_row(view, reply[start:end]))
        start = end
    return rows


def _present(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None}


def _user_row(replies: Sequence[Sequence[bytes | None]], releases: Sequence[str]) -> UserRow:
    (version, acts), (_, met), (daily_version, daily) = _split(replies[0], _USER_VIEWS)
    vectors = {}
    for release, reply in zip(releases, replies[1:], strict=True):
        vector_version, values = decode_row(USER_VECTOR, reply)
        if values["user_vector"] is not None:
            vectors[release] = UserVector(values["user_vector"], vector_version)
    return UserRow(
        activity.from_features(acts),
        seen.from_features(met),
        version,
        _present(daily),
        daily_version,
        vectors,
    )


def read_users(
    client: "redis.Redis[bytes]", user_ids: Sequence[str], releases: Sequence[str] = (), *, project: str = PROJECT
) -> list[UserRow]:
    """The rows of many users in one round trip, in the order asked. Raises redis.RedisError."""
    pipe = client.pipeline(transaction=False)
    for user_id in user_ids:
        _ask(pipe, project, user_id, releases)
    replies = pipe.execute()
    width = 1 + len(releases)
    return [_user_row(replies[i * width : (i + 1) * width], releases) for i in range(len(user_ids))]


@dataclass(frozen=True, slots=True)
class StateRow:
    """What the folds change of a user; ``version`` as in UserRow."""

    activity: UserActivity
    seen: UserSeen
    version: int


@dataclass(frozen=True, slots=True)
class TowerRow:
    """What a user tower reads of a user; ``version`` as in UserRow."""

    activity: UserActivity
    daily: dict[str, float]
    version: int


def read_states(client: "redis.Redis[bytes]", user_ids: Sequence[str], *, project: str = PROJECT) -> list[StateRow]:
    """The states of many users in one round trip, in the order asked. Raises redis.RedisError."""
    rows = []
    for (version, acts), (_, met) in _read(client, user_ids, project, _STATE_VIEWS):
        rows.append(StateRow(activity.from_features(acts), seen.from_features(met), version))
    return rows


def read_for_towers(client: "redis.Redis[bytes]", user_ids: Sequence[str], *, project: str = PROJECT) -> list[TowerRow]:
    """The towers' inputs of many users in one round trip, in the order asked. Raises redis.RedisError."""
    rows = []
    for (version, acts), (_, daily) in _read(client, user_ids, project, _TOWER_VIEWS):
        rows.append(TowerRow(activity.from_features(acts), _present(daily), version))
    return rows


def _read(
    client: "redis.Redis[bytes]", user_ids: Sequence[str], project: str, views: tuple[OnlineView, ...]
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    pipe = client.pipeline(transaction=False)
    for user_id in user_ids:
        pipe.hmget(encode_entity_key(project, {"user_id": user_id}), _fields(views))
    return (_split(reply, views) for reply in pipe.execute())


def read_user(
    client: "redis.Redis[bytes]", user_id: str, releases: Sequence[str] = (), *, project: str = PROJECT
) -> UserRow:
    """The row of one user in one round trip. Raises redis.RedisError."""
    return read_users(client, [user_id], releases, project=project)[0]


def trending_key(project: str, partition: int, day: int) -> bytes:
    """The hash item id → whole-number weight of one partition and day (see ``feature_repo.trending``)."""
    return f"trending:{{{project}:{partition}}}:{day}".encode()


def _trending_scores(replies: Sequence[dict[bytes, bytes]], days: Sequence[int], now: float) -> dict[str, float]:
    counts: Iterable[trending.DayCounts] = (
        {day: {item.decode(): int(amount) for item, amount in reply.items()}}
        for day, reply in zip(days, replies, strict=True)
    )
    return trending.scores(counts, now)


def read_trending(
    client: "redis.Redis[bytes]",
    partitions: int,
    clock: Clock,
    *,
    days: Iterable[int] | None = None,
    project: str = PROJECT,
) -> dict[str, float]:
    """Item id → decayed number of actions now, summed over partitions; of ``days`` (since 1970) only, where given.
    Raises redis.RedisError."""
    now = clock()
    days = [day for day in days or trending.kept_days(now) for _ in range(partitions)]
    pipe = client.pipeline(transaction=False)
    for i, day in enumerate(days):
        pipe.hgetall(trending_key(project, i % partitions, day))
    return _trending_scores(pipe.execute(), days, now)
