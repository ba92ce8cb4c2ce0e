"""Many writers on one row: nothing is lost, nothing goes back, and what a user costs is declared."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from contracts.errors import ConflictError
from contracts.release import HISTORY_LENGTH
from feature_repo import activity, redis_state, seen
from feature_repo.activity import Happening
from feature_repo.footprint import key_bytes, state_bytes
from feature_repo.online import ITEM_DAILY, USER_ACTIVITY, USER_SEEN
from feature_repo.redis_items import read_items_daily
from feature_repo.redis_layout import encode_entity_key, encode_row
from feature_repo.redis_reader import read_user
from feature_repo.redis_state import UserState, change_users, folding
from feature_repo.redis_writer import Write, next_version, write_all, write_rows


@pytest.fixture
def client(clean_redis: str) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(clean_redis)


def daily(value: float) -> dict[str, float]:
    return dict.fromkeys(ITEM_DAILY.field_names, value)


def held(client: "redis.Redis[bytes]", item_id: str) -> tuple[int, float]:
    versions, values = read_items_daily(client, [item_id], ["item_actions"])
    return versions[0], values[0, 0]


def test_only_a_later_row_is_written(client: "redis.Redis[bytes]") -> None:
    item = {"item_id": "a"}
    assert write_rows(client, ITEM_DAILY, [(item, daily(1), 10)]) == 1
    assert write_rows(client, ITEM_DAILY, [(item, daily(2), 10), (item, daily(3), 9)]) == 0
    assert held(client, "a") == (10, 1)
    assert write_rows(client, ITEM_DAILY, [(item, daily(4), 12), (item, daily(5), 11)]) == 1
    assert held(client, "a") == (12, 4)


def test_a_write_over_an_unseen_version_is_refused(client: "redis.Redis[bytes]") -> None:
    fields = encode_row(ITEM_DAILY, daily(1), 5)
    write = Write(b"key", b"_ts:item_daily", b"", fields)
    assert write_all(client, [write, write]) == [True, False]


def test_writing_goes_on_after_redis_forgot_its_scripts(client: "redis.Redis[bytes]") -> None:
    write_rows(client, ITEM_DAILY, [({"item_id": "a"}, daily(1), 1)])
    client.script_flush()
    assert write_rows(client, ITEM_DAILY, [({"item_id": "b"}, daily(1), 1)]) == 1


def test_a_full_redis_is_an_error_not_a_lost_write(client: "redis.Redis[bytes]") -> None:
    write_rows(client, ITEM_DAILY, [({"item_id": "a"}, daily(1), 1)])
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", max(1, used // 2))
    try:
        with pytest.raises(redis.RedisError, match=r"OOM|maxmemory"):
            write_rows(client, ITEM_DAILY, [({"item_id": "b"}, daily(1), 1)])
    finally:
        client.config_set("maxmemory", 0)


def test_writers_that_race_for_one_user_lose_no_action(client: "redis.Redis[bytes]") -> None:
    def work(writer: int) -> None:
        for n in range(20):
            happening = Happening(n, writer * 1000 + n, f"w{writer}-{n}", 2)

            def change(state: UserState, happening: Happening = happening) -> UserState:
                return UserState(activity.fold(state.activity, happening), seen.fold(state.seen, happening))

            for _ in range(50):
                try:
                    change_users(client, {"u": change}, time.time)
                except ConflictError:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    row = read_user(client, "u")
    assert {act.item_id for act in row.activity.acts} == {f"w{w}-{n}" for w in range(4) for n in range(20)}
    assert len(row.seen.days) == 80


def test_a_bulk_load_beside_the_stream_gives_the_union(client: "redis.Redis[bytes]") -> None:
    def events(numbers: range) -> list[Happening]:
        return [Happening(n * 1000, n, f"i{n}", 2) for n in numbers]

    change_users(client, {"u": folding(events(range(60, 120)))}, time.time)
    change_users(client, {"u": folding(events(range(100)))}, time.time)
    row = read_user(client, "u")
    whole = folding(events(range(120)))(UserState())
    assert row.activity.acts == whole.activity.acts
    assert row.seen.days == whole.seen.days
    version = row.version
    change_users(client, {"u": folding(events(range(100)))}, time.time)
    assert read_user(client, "u").version == version


def test_changes_give_up_when_the_row_never_stands_still(
    client: "redis.Redis[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = threading.Lock()

    def interfere(state: UserState) -> UserState:
        with lock:
            change_users(client, {"u": folding([Happening(1, 1, "x", 1)])}, time.time)
            client.hset(encode_entity_key("headwater", {"user_id": "u"}), b"_ts:user_activity", b"\x08\x01")
            client.hset(
                encode_entity_key("headwater", {"user_id": "u"}),
                b"_ts:user_activity",
                bytes([8, 2 + next(numbers)]),
            )
        return UserState(activity.fold(state.activity, Happening(2, 2, "y", 1)), state.seen)

    numbers = iter(range(100))
    monkeypatch.setattr(redis_state, "ATTEMPTS", 3)
    with pytest.raises(ConflictError, match="kept changing"):
        change_users(client, {"u": interfere}, time.time)


def test_a_version_never_goes_back_when_the_clock_does() -> None:
    assert next_version(0, lambda: 12.5) == 12_500_000
    assert next_version(20_000_000, lambda: 12.5) == 20_000_001


@pytest.mark.parametrize(("item_bytes", "user_bytes"), [(8, 8), (24, 36), (256, 256)])
def test_a_user_costs_no_more_bytes_than_declared(
    client: "redis.Redis[bytes]", item_bytes: int, user_bytes: int
) -> None:
    user = "u" * user_bytes
    state = UserState()
    for n in range(3 * seen.SEEN_LENGTH):
        item = f"{n:0{item_bytes}d}"
        happening = Happening(4_000_000_000_000 + n * 86_400_000, activity.KEY_MASK - n, item, 3, 999, 1 << 40)
        state = UserState(activity.fold(state.activity, happening), seen.fold(state.seen, happening))
    assert len(state.activity.acts) == HISTORY_LENGTH
    change_users(client, {user: lambda _: state}, time.time)
    payload = sum(
        len(field) + len(value)
        for view, features in (
            (USER_ACTIVITY, activity.to_features(state.activity)),
            (USER_SEEN, seen.to_features(state.seen)),
        )
        for field, value in encode_row(view, features, 2**52).items()
    )
    assert payload <= state_bytes(item_bytes)
    key = encode_entity_key("headwater", {"user_id": user})
    assert len(key) == key_bytes(user_bytes)
    stored = client.memory_usage(key, samples=0)
    assert stored is not None
    assert stored <= 1.4 * (state_bytes(item_bytes) + key_bytes(user_bytes)) + 1024
