"""What the stream had online at a moment is what training computes for that moment, and a difference is found."""

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis

from contracts.clock import utc
from contracts.errors import InvalidInputError
from contracts.events import Action, Event
from contracts.impressions import Impression
from contracts.settings import Settings
from feature_repo.activity import Happening
from feature_repo.online import USER_DAILY
from feature_repo.redis_writer import write_rows
from lake.store import Lake
from pipeline.chain import recommendation_chain
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.request import Request
from serving.gateway.answers import impressions
from serving.gateway.breaker import Breaker
from serving.gateway.user_rows import RedisUserRows
from streaming.processor import Batch, Processor
from streaming.records import Record
from streaming.sink_rows import FEEDS, to_rows
from streaming.skew.daily import daily_skew
from streaming.skew.job import check_skew
from streaming.skew.report import FeatureSkew, SkewReport
from streaming.skew.shown import Opened, sample, shown_skew
from tests.pipeline.small_release import NOW, OneArm, artifacts_of, release_of

DAY = date(2023, 11, 14)
USERS, ITEMS, AT_ONCE = 1000, 60, 4
RELEASE = Opened(artifacts_of(ITEMS), RANKING_FEATURES)


def stream(count: int, seed: int) -> list[Event]:
    """Events a second or so apart that end at NOW, of users and on items drawn at random."""
    randomness = random.Random(seed)
    return [
        Event(
            event_id=f"e{n}",
            user_id=f"u{randomness.randrange(USERS)}",
            item_id=f"i{randomness.randrange(ITEMS + 5)}",
            action=randomness.choice(list(Action)),
            timestamp=utc(NOW - count + n + randomness.random()),
            received_at=utc(NOW),
        )
        for n in range(count)
    ]


def shown_online(redis_url: str, events: list[Event], lag: int = 0) -> list[Impression]:
    """Answers of the gateway's own chain, one to each user, at a random moment of the stream; the consumer is ``lag``
    events behind."""
    shown, applied = [], 0
    waiting = [f"u{n}" for n in range(USERS)]
    random.Random(3).shuffle(waiting)
    step = len(events) * AT_ONCE // USERS
    with redis.Redis.from_url(redis_url) as client:
        processor = Processor(client, lambda: NOW)
        processor.take([0])
        rows = RedisUserRows(client, Breaker("redis", (redis.RedisError,)), ["r000000000001"], 1e9)
        chain = recommendation_chain(rows, OneArm(release_of(RELEASE.artifacts)), deadline=30)
        for end in range(step, len(events) + 1, step):
            batch = events[applied : max(end - lag, 0)]
            applied += len(batch)
            records = [
                Record(e.user_id, Happening.of(e, 0, applied - len(batch) + n), NOW) for n, e in enumerate(batch)
            ]
            if records:
                processor.apply({0: Batch(records, applied)})
            moment = events[end - 1].timestamp.timestamp() + 0.001
            for user in [waiting.pop() for _ in range(AT_ONCE)]:
                answer = chain.run(Request(f"request-{user}", user, moment))
                shown += list(impressions(answer, {"r000000000001": "set"}, None))
    return shown


def lake_of(path: Path, events: list[Event], shown: list[Impression]) -> Lake:
    lake = Lake(str(path))
    rows, refused = to_rows(FEEDS[0], [(e.to_payload(), 0, n) for n, e in enumerate(events)])
    assert refused == 0
    lake.merge("interactions", rows, ("event_id",))
    seen, refused = to_rows(FEEDS[1], [(row.to_payload(), 0, n) for n, row in enumerate(shown)])
    assert refused == 0
    lake.merge("impressions", seen, ("request_id", "item_id"))
    return lake


def test_a_thousand_users_at_random_moments_have_no_skew(clean_redis: str, tmp_path: Path) -> None:
    events = stream(6000, 1)
    lake = lake_of(tmp_path, events, shown_online(clean_redis, events))
    chosen = sample(lake, DAY, USERS, 5)
    assert len(chosen) == USERS
    found = shown_skew(lake, lambda _: RELEASE, chosen, DAY)
    assert {one.name: one.differing for one in found if one.differing} == {}
    assert all(one.compared == len(chosen) for one in found)


def test_a_consumer_that_lags_is_found(clean_redis: str, tmp_path: Path) -> None:
    events = stream(6000, 2)
    lake = lake_of(tmp_path, events, shown_online(clean_redis, events, lag=3000))
    found = {one.name: one for one in shown_skew(lake, lambda _: RELEASE, sample(lake, DAY, USERS, 5), DAY)}
    assert found["shown:history_length"].breach
    assert found["shown:gap"].breach


def test_impressions_of_a_release_that_is_gone_are_passed_over(clean_redis: str, tmp_path: Path) -> None:
    events = stream(250, 1)
    lake = lake_of(tmp_path, events, shown_online(clean_redis, events))
    assert shown_skew(lake, lambda _: None, sample(lake, DAY, USERS, 5), DAY) == []


def snapshots(folder: Path, users: list[str], value: Callable[[int], float]) -> None:
    """Daily views as the features step writes them: two days of snapshots, of which the later one counts."""
    from feature_repo.daily_views import DAILY

    for view, (key, features) in DAILY.items():
        (folder / view).mkdir(parents=True)
        for day in (0, 1):
            ids = users if key == "user_id" else ["none"]
            columns: dict[str, pa.Array] = {
                key: pa.array(ids),
                "event_timestamp": pa.array([utc(NOW) - timedelta(days=2 - day)] * len(ids), pa.timestamp("us", "UTC")),
            }
            columns |= {f.name: pa.array([day * value(n) for n in range(len(ids))], pa.float32()) for f in features}
            pq.write_table(pa.table(columns), folder / view / f"{day}.parquet")


def test_daily_features_online_equal_feasts_point_in_time_join(clean_redis: str, tmp_path: Path) -> None:
    users = [f"u{n}" for n in range(50)]
    snapshots(tmp_path, users, float)
    with redis.Redis.from_url(clean_redis) as client:
        rows = (({"user_id": u}, dict.fromkeys(USER_DAILY.field_names, float(n)), 1) for n, u in enumerate(users))
        write_rows(client, USER_DAILY, rows)
        good = daily_skew(client, tmp_path, [*users, "nobody"], utc(NOW), tmp_path / "registry.db")
        assert [one.differing for one in good] == [0] * len(USER_DAILY.field_names)
        write_rows(client, USER_DAILY, [({"user_id": u}, dict.fromkeys(USER_DAILY.field_names, 7.0), 2) for u in users])
        bad = daily_skew(client, tmp_path, users, utc(NOW), tmp_path / "registry2.db")
        assert all(one.differing == 49 and one.breach for one in bad)


def test_the_report_names_what_is_above_the_bound(tmp_path: Path) -> None:
    few = FeatureSkew(name="few", compared=10, differing=2, greatest=1.0)
    many = FeatureSkew(name="<many>", compared=1000, differing=21, greatest=0.5)
    report = SkewReport(date=DAY, users=1000, features=[few, many])
    page = report.write(tmp_path).read_text()
    assert report.breaches == ["<many>"]
    assert page.index("&lt;many&gt;") < page.index("few") or "Above the bound: &lt;many&gt;" in page
    kept = json.loads((tmp_path / "latest.json").read_text())
    assert [feature["breach"] for feature in kept["features"]] == [False, True]


def test_a_day_without_impressions_is_no_fault(tmp_path: Path, clean_redis: str) -> None:
    settings = Settings(home=tmp_path, redis_url=clean_redis)
    assert Path(check_skew("2026-01-01", settings)).name == "2026-01-01.html"
    with pytest.raises(InvalidInputError, match="YYYY-MM-DD"):
        check_skew("yesterday", settings)
