"""Spilled impressions are sent once, by whoever is alive, whatever a power failure left among them."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import UnavailableError
from contracts.impressions import Impression
from contracts.topics import IMPRESSIONS, Topic
from serving.erasure.files import erase_from_lines
from serving.impressions import ImpressionLog, taken
from serving.kafka_log import KafkaLog, Record
from tests.serving.running import wait_until

HOLD = """
import sys, pathlib
from serving.impressions import taken
with taken(pathlib.Path(sys.argv[1])) as file:
    print(file is not None, flush=True)
    sys.stdin.read()
"""


class Broker(KafkaLog):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes | None] = []
        self.down = False

    @property
    def up(self) -> bool:
        return True

    def append(self, topic: Topic, records: Sequence[Record]) -> int:
        if self.down:
            raise UnavailableError("Kafka", "down")
        assert (topic, bool(records)) == (IMPRESSIONS, True)
        self.sent += [payload for _, payload in records]
        return len(self.sent)


def line(number: int, user: str = "u") -> bytes:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    return Impression(request_id=f"q{number}", user_id=user, item_id="i", position=1, timestamp=moment).to_payload()


class Sender:
    def __init__(self, folder: Path) -> None:
        self.folder, self.broker, self.counts = folder, Broker(), Counter[str]()
        self.log = ImpressionLog(self.broker, folder, self._count, batch_seconds=0.01)

    def _count(self, outcome: str, count: int) -> None:
        self.counts[outcome] += count


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Callable[[], Sender]]:
    started: list[Sender] = []

    def start() -> Sender:
        started.append(Sender(tmp_path))
        started[-1].log.start()
        return started[-1]

    yield start
    for one in started:
        one.log.stop()


def test_a_torn_line_is_set_aside_and_the_rest_is_sent(tmp_path: Path, sender: Callable[[], Sender]) -> None:
    (tmp_path / "a.spilled").write_bytes(line(1) + b"\n" + line(2)[:40] + b"\n" + b"\x00" * 20 + b"\n" + line(3))
    (tmp_path / "b.spilled").write_bytes(line(4) + b"\n")
    (tmp_path / "c.spilled").write_bytes(b"12\n")
    one = sender()
    wait_until(lambda: not list(tmp_path.glob("*.spilled")))
    wait_until(lambda: one.counts["sent"] == 3)
    assert sorted(filter(None, one.broker.sent)) == [line(1), line(3), line(4)]
    assert one.counts["unreadable"] == 3
    assert (tmp_path / "a.unreadable").read_bytes().splitlines() == [line(2)[:40], b"\x00" * 20]


def test_a_file_is_taken_over_when_its_process_has_died_and_not_before(
    tmp_path: Path, sender: Callable[[], Sender]
) -> None:
    path = tmp_path / "a.spilled"
    path.write_bytes(line(1) + b"\n")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        one = sender()
        (tmp_path / "b.spilled").write_bytes(line(2) + b"\n")
        wait_until(lambda: one.counts["sent"] == 1)
        assert one.broker.sent == [line(2)]
        other.kill()
    wait_until(lambda: one.counts["sent"] == 2)
    assert one.broker.sent == [line(2), line(1)]


def test_a_file_of_the_version_before_is_sent_though_its_number_is_ours(
    tmp_path: Path, sender: Callable[[], Sender]
) -> None:
    (tmp_path / f"a.sending.{os.getpid()}").write_bytes(line(1) + b"\n")
    one = sender()
    wait_until(lambda: one.counts["sent"] == 1)
    assert list(tmp_path.iterdir()) == []


def test_an_outage_while_it_is_sent_leaves_the_file(tmp_path: Path, sender: Callable[[], Sender]) -> None:
    one = sender()
    one.broker.down = True
    (tmp_path / "a.spilled").write_bytes(line(1) + b"\n")
    one.log.offer(lambda: [Impression.from_payload(line(2))])
    wait_until(lambda: one.counts["spilled"] == 1)
    assert len(list(tmp_path.glob("*.spilled"))) == 2
    one.broker.down = False
    wait_until(lambda: one.counts["sent"] == 2)


def test_erasing_passes_torn_lines_and_takes_those_of_the_user(tmp_path: Path) -> None:
    user = "o'leary (é)"
    (tmp_path / "a.spilled").write_bytes(b"\n".join((line(1, user), line(2)[:60], line(3, user)[:80], line(4))))
    (tmp_path / "b.unreadable").write_bytes(line(5, user)[:80] + b"\n" + line(6)[:60] + b"\n12\n")
    (tmp_path / "c.spilled").write_bytes(line(7, user) + b"\n")
    with taken(tmp_path / "c.spilled") as held:
        assert held is not None
        assert erase_from_lines(tmp_path, "user_id", user) == 3
    assert (tmp_path / "a.spilled").read_bytes().splitlines() == [line(2)[:60], line(4)]
    assert (tmp_path / "b.unreadable").read_bytes().splitlines() == [line(6)[:60], b"12"]
    assert erase_from_lines(tmp_path, "user_id", user) == 1
