"""Whatever is killed while events flow: every acknowledged event is in the lake once and in its user's history once."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.streaming.installation import Client, Installation, installed
from tests.streaming.running import wait_until

CAUGHT_UP_SECONDS = 120.0


def kill(*names: str) -> Callable[[Installation], None]:
    """Kills servers at one blow and, after a moment, starts them again in this order."""

    def happen(installation: Installation) -> None:
        installation.kill(*names)
        time.sleep(2)
        installation.start(*names)

    return happen


def kill_sink(installation: Installation) -> None:
    """Kills the lake sink while it writes, three times."""
    table = Path(installation.settings.lake) / "interactions"
    for _ in range(3):
        before = len(list(table.rglob("*.parquet")))
        sink = installation.sink()
        wait_until(lambda before=before: len(list(table.rglob("*.parquet"))) > before, 120)  # type: ignore[misc]
        sink.send_signal(signal.SIGKILL)
        sink.wait()


def kill_everything(installation: Installation) -> None:
    """All servers and the sink at once."""
    sink = installation.sink()
    time.sleep(4)
    sink.send_signal(signal.SIGKILL)
    kill("redis", "kafka", "gateway", "consumer")(installation)
    sink.wait()


def freeze_broker(installation: Installation) -> None:
    """A broker that stands still for half a minute."""
    installation.signal("kafka", signal.SIGSTOP)
    time.sleep(30)
    installation.signal("kafka", signal.SIGCONT)


def holds_what_was_acknowledged(installation: Installation, acknowledged: set[str]) -> bool:
    found = installation.online()
    return found.keys() == acknowledged and set(found.values()) == {1}


def run(home: Path, happen: Callable[[Installation], None], seconds: float) -> Client:
    """Events for ``seconds`` before and after ``happen``; then both ends are counted."""
    with installed(home) as installation:
        with Client(installation.settings) as client:
            time.sleep(seconds)
            happen(installation)
            time.sleep(seconds)
        sent = client.acknowledged
        wait_until(lambda: holds_what_was_acknowledged(installation, sent), CAUGHT_UP_SECONDS)
        assert installation.sink().wait(300) == 0
        stored = installation.stored()
        assert stored.keys() == sent
        assert set(stored.values()) == {1}
    return client


@pytest.mark.long
@pytest.mark.parametrize("victim", ["consumer", "kafka", "redis", "gateway"])
def test_a_killed_server_costs_no_acknowledged_event(victim: str, tmp_path: Path) -> None:
    client = run(tmp_path, kill(victim), 10)
    assert len(client.acknowledged) > 2000


@pytest.mark.long
def test_a_sink_killed_in_its_writes_leaves_every_event_once(tmp_path: Path) -> None:
    run(tmp_path, kill_sink, 5)


@pytest.mark.long
def test_a_broker_that_freezes_is_answered_for_at_once_and_costs_nothing(tmp_path: Path) -> None:
    client = run(tmp_path, freeze_broker, 5)
    assert client.refused.keys() <= {0, 503}
    assert client.refused[503] > 20


@pytest.mark.timeout(600)
def test_everything_killed_at_once_costs_no_acknowledged_event(tmp_path: Path) -> None:
    run(tmp_path, kill_everything, 4)
