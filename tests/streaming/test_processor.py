"""What moves a partition's mark, and what does not."""

import pytest
import redis

from contracts.topics import EVENTS, LONGEST_KEPT_SECONDS
from feature_repo.activity import Happening
from feature_repo.erased import KEY, digest, erased_until, forget, remember
from feature_repo.redis_reader import read_user
from streaming.partition_state import PartitionMark, Progress, read_marks
from streaming.processor import Batch, MarkMovedError, Processor
from streaming.records import Record
from tests.streaming.running import START, event, roll_back, snapshot

NOW = START.timestamp() + 60
PARTITION = EVENTS.partitions - 1


def batch(first: int, end: int) -> Batch:
    numbers = range(first, end)
    return Batch([Record("u1", Happening.of(event(n), PARTITION, n), NOW) for n in numbers], end)


def test_the_mark_stays_where_redis_fell_back_to_after_the_users_were_written(
    redis_url: str, topic_prefix: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        processor = Processor(client, lambda: NOW, project=topic_prefix)
        assert processor.take([PARTITION]) == {PARTITION: None}
        processor.apply({PARTITION: batch(0, 3)})
        processor.commit({PARTITION: Progress(3)})
        held = snapshot(client, topic_prefix)
        processor.apply({PARTITION: batch(3, 5)})
        roll_back(client, topic_prefix, held)
        with pytest.raises(MarkMovedError):
            processor.commit({PARTITION: Progress(5)})
        assert read_marks(client, [PARTITION], project=topic_prefix)[PARTITION] == PartitionMark(3, 2)

        assert processor.take([PARTITION]) == {PARTITION: 3}
        processor.apply({PARTITION: batch(3, 5)})
        processor.commit({PARTITION: Progress(5)})
        acts = read_user(client, "u1", project=topic_prefix).activity.acts
        assert [act.item_id for act in acts] == [f"i{n}" for n in range(5)]


def test_an_owner_of_yesterday_does_not_move_the_mark_back(redis_url: str, topic_prefix: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        old, new = (Processor(client, lambda: NOW, project=topic_prefix) for _ in range(2))
        old.take([PARTITION])
        old.apply({PARTITION: batch(0, 2)})
        new.take([PARTITION])
        new.apply({PARTITION: batch(0, 4)})
        new.commit({PARTITION: Progress(4)})
        with pytest.raises(MarkMovedError):
            old.commit({PARTITION: Progress(2)})
        assert read_marks(client, [PARTITION], project=topic_prefix)[PARTITION] == PartitionMark(4, 3)


def test_a_batch_without_a_sound_event_moves_the_mark_too(redis_url: str, topic_prefix: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        processor = Processor(client, lambda: NOW, project=topic_prefix)
        processor.take([PARTITION])
        for end in (2, 5):
            processor.apply({PARTITION: Batch([], end)})
            processor.commit({PARTITION: Progress(end)})
        assert read_marks(client, [PARTITION], project=topic_prefix)[PARTITION] == PartitionMark(5, -1)


def test_what_came_before_a_user_was_erased_is_not_folded_again(redis_url: str, topic_prefix: str) -> None:
    gone, stays = f"gone-{topic_prefix}", f"stays-{topic_prefix}"
    records = [
        Record(user, Happening.of(event(n, user=user), PARTITION, 2 * n + place), NOW + n)
        for n in range(4)
        for place, user in enumerate((gone, stays))
    ]
    with redis.Redis.from_url(redis_url) as client:
        remember(client, {digest(gone): NOW + 1})
        assert 0 < client.ttl(KEY) <= LONGEST_KEPT_SECONDS
        processor = Processor(client, lambda: NOW, project=topic_prefix)
        processor.take([PARTITION])
        assert processor.apply({PARTITION: Batch(records, 8)}).users == 2
        acts = {user: read_user(client, user, project=topic_prefix).activity.acts for user in (gone, stays)}
        assert [act.item_id for act in acts[gone]] == ["i2", "i3"]
        assert [act.item_id for act in acts[stays]] == ["i0", "i1", "i2", "i3"]
        forget(client, {digest(gone): NOW})
        assert erased_until(client, [gone]) == {gone: NOW + 1}, "asked for again after that erasure"
        forget(client, {digest(gone): NOW + 1})
        assert erased_until(client, [gone]) == {}
