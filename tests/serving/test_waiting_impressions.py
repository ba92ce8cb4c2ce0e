"""Impressions that wait in a folder which several gateways share, none of which sees the others' processes."""

from pathlib import Path
from typing import Any

from serving.erasure.files import erase_from_lines
from serving.impressions import ImpressionLog, claimed

LINES = b'{"user_id": "leaver"}\n{"user_id": "stays"}\n'
NOBODY = 4_194_304
"""No process has this number: it is above the highest that Linux gives."""


def idle(folder: Path) -> ImpressionLog:
    """A log that takes over what the dead left and then does nothing, since it is told to stop."""
    kafka: Any = type("Down", (), {"up": False})()
    log = ImpressionLog(kafka, folder, lambda _outcome, _count: None)
    log._stopping.set()
    return log


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_another_gateway_sends_is_not_taken_over_and_what_a_dead_one_sent_is(tmp_path: Path) -> None:
    (tmp_path / "a.spilled").write_bytes(LINES)
    mine = tmp_path / f"a.sending.{NOBODY}"
    with claimed(tmp_path / "a.spilled", mine) as lines:
        assert lines == LINES.splitlines()
        idle(tmp_path).start()
        assert names(tmp_path) == {mine.name}
        with claimed(mine, tmp_path / "a.sending.1") as taken:
            assert taken is None
    idle(tmp_path).start()
    assert names(tmp_path) == {"a.spilled"}
    with claimed(tmp_path / "b.spilled", mine) as lines:
        assert lines is None


def test_an_erasure_leaves_what_is_being_sent_and_takes_the_user_out_of_the_rest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.spilled").write_bytes(LINES)
    with claimed(tmp_path / "a.spilled", tmp_path / f"a.sending.{NOBODY}"):
        assert erase_from_lines(tmp_path, "user_id", "leaver") == 1
        assert names(tmp_path) == {f"a.sending.{NOBODY}", "b.spilled"}
    assert (tmp_path / "b.spilled").read_bytes() == b'{"user_id": "stays"}\n'
