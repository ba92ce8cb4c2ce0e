"""``headwater stream`` says in one sentence what is wrong, and prints dead letters as JSON alone."""

import json
import time

import pytest
from typer.testing import CliRunner

from cli.stream import app
from contracts.topics import EVENTS
from streaming.dead_letters import DeadLetterWriter

runner = CliRunner()


def test_an_empty_interval_is_a_failure_with_a_sentence() -> None:
    result = runner.invoke(app, ["replay", "--from", "2026-11-02", "--to", "2026-11-01"])
    assert result.exit_code == 1
    assert "must be later than --from" in result.stderr


@pytest.mark.parametrize("arguments", [["replay", "--from", "yesterday"], ["nothing"], ["dead-letters", "drop"]])
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [["sink"], ["dead-letters", "list"], ["dead-letters", "retry"]])
def test_without_kafka_every_command_fails_with_a_sentence(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr == "Kafka is unavailable: nobody listens on 127.0.0.1:9\n"
    assert result.stdout == ""


def test_dead_letters_are_listed_as_json_and_sent_again(
    kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", kafka_bootstrap)
    monkeypatch.setenv("HEADWATER_TOPIC_PREFIX", topic_prefix)
    writer = DeadLetterWriter(kafka_bootstrap, topic_prefix, time.time)
    writer.write("user_id: missing", EVENTS.address(topic_prefix), 2, 5, b"{}")
    writer.close()
    (letter,) = json.loads(runner.invoke(app, ["dead-letters", "list", "--json"]).stdout)
    assert (letter["reason"], letter["partition"], letter["offset"]) == ("user_id: missing", 2, 5)
    assert runner.invoke(app, ["dead-letters", "retry"]).stdout == "1 sent again\n"
    assert json.loads(runner.invoke(app, ["dead-letters", "list", "--json"]).stdout) == []
