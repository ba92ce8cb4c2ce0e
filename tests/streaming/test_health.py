"""Both ends of the stream say how far they are behind, and a sink that does not run is late."""

import json
import os
import time
from pathlib import Path

import pytest
import redis

from contracts.settings import Settings
from feature_repo.online import PROJECT
from streaming.health import SINK_LATE_SECONDS, SinkHealth, stream_health
from streaming.jobs import sink_folder
from streaming.partition_state import Progress, write_progress
from streaming.sink import DONE, ends
from streaming.sink_rows import FEEDS
from tests.streaming.running import event, produce


def test_what_is_not_applied_and_not_in_the_lake_is_counted(
    clean_redis: str, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path, redis_url=clean_redis, kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix
    )
    produce(kafka_bootstrap, topic_prefix, [event(n) for n in range(12)])
    end = ends(FEEDS[0], kafka_bootstrap, topic_prefix)
    (partition,) = (int(p) for p, offset in end.items() if offset)
    with redis.Redis.from_url(clean_redis) as client:
        write_progress(client, {partition: Progress(9, ["u1"])}, {}, project=PROJECT)
    found = stream_health(settings)
    assert (found.lag[partition], sum(found.lag.values()), found.vectors_behind) == (3, 3, 1)
    waiting = {sink.table: (sink.behind, sink.seconds) for sink in found.sinks}
    assert waiting == {feed.table: (12 if feed is FEEDS[0] else 0, None) for feed in FEEDS}
    assert found.late == ["interactions"]

    folder = sink_folder(settings, FEEDS[0])
    folder.mkdir(parents=True)
    (folder / DONE).write_text(json.dumps({str(partition): 10}))
    found = stream_health(settings)
    assert found.sinks[0].behind == 2
    assert found.late == []
    long_ago = time.time() - SINK_LATE_SECONDS - 5
    os.utime(folder / DONE, (long_ago, long_ago))
    assert stream_health(settings).late == ["interactions"]


@pytest.mark.parametrize(("behind", "seconds"), [(0, None), (0, 1e9), (5, SINK_LATE_SECONDS)])
def test_a_sink_with_nothing_to_do_or_a_recent_run_is_not_late(behind: int, seconds: float | None) -> None:
    assert not SinkHealth("events", behind, seconds).late
