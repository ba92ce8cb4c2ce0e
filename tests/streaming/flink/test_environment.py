"""Whoever chooses Flink without its environment is told in one sentence what to run."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from contracts.topics import EVENTS
from stack.composition import compose
from stack.server import Server
from streaming.flink.environment import FOLDER, JARS, connector, flink_python, require_flink


def consumer_of(settings: Settings) -> Server:
    return next(server for wave in compose(settings) for server in wave if server.name == "consumer")


def test_a_missing_environment_is_named_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(HeadwaterError, match=r"HEADWATER_STREAM_ENGINE=flink needs: run .*python -m stack\.flink"):
        flink_python(tmp_path)


def test_an_environment_whose_connector_did_not_come_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / JARS).mkdir(parents=True)
    with pytest.raises(HeadwaterError, match="no whole environment"):
        connector(tmp_path)


def test_a_whole_environment_is_used(tmp_path: Path) -> None:
    jar = tmp_path / JARS / "flink-sql-connector-kafka-1.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    assert connector(tmp_path) == jar
    assert flink_python(tmp_path) == tmp_path / "bin" / "python"


def test_the_setting_makes_the_consumer_look_for_flink_before_it_starts(tmp_path: Path) -> None:
    chosen = consumer_of(Settings(home=tmp_path, port_base=23000, stream_engine="flink"))
    assert chosen.ports == (23009, 23012)
    assert chosen.require is require_flink
    assert chosen.environment["HEADWATER_STREAM_ENGINE"] == "flink"


def test_by_default_nothing_of_flink_is_asked_for(tmp_path: Path) -> None:
    chosen = consumer_of(Settings(home=tmp_path, port_base=23000))
    assert chosen.ports == (23009,)
    assert chosen.require is not require_flink
    assert FOLDER.name.endswith("-flink")


@pytest.mark.parametrize("processes", [0, EVENTS.partitions + 1])
def test_more_processes_than_partitions_are_refused(processes: int) -> None:
    with pytest.raises(ValidationError, match="flink_parallelism"):
        Settings(flink_parallelism=processes)


def test_another_engine_is_refused() -> None:
    with pytest.raises(ValidationError, match="stream_engine"):
        Settings(stream_engine="spark")
