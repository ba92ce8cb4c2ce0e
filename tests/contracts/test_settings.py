"""Settings: ports are offsets from one base, addresses default to the embedded servers."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.settings import PORT_OFFSETS, Settings


def test_ports_follow_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_PORT_BASE", "23000")
    settings = Settings()
    assert {name: getattr(settings, name) for name in PORT_OFFSETS} == {
        name: 23000 + offset for name, offset in PORT_OFFSETS.items()
    }
    assert len(set(PORT_OFFSETS.values())) == len(PORT_OFFSETS)


def test_a_port_of_its_own_wins_and_moves_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_REDIS_PORT", "6390")
    assert Settings().redis_url == "redis://127.0.0.1:6390/0"


def test_an_address_of_its_own_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", "broker-1:9092,broker-2:9092")
    assert Settings().kafka_bootstrap == "broker-1:9092,broker-2:9092"


def test_home_decides_where_state_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    settings = Settings()
    assert settings.lake == str(tmp_path / "lake")
    assert settings.releases == tmp_path / "releases"


def test_a_lake_on_s3_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_LAKE", "s3://bucket/lake")
    assert Settings().lake == "s3://bucket/lake"


@pytest.mark.parametrize(("name", "value"), [("PORT_BASE", "80"), ("GATEWAY_WORKERS", "0"), ("LOG_LEVEL", "loud")])
def test_a_value_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"HEADWATER_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
