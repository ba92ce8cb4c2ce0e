"""Clients of the embedded issuer, in a file that several programs may touch at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contracts.errors import InvalidInputError
from serving.auth.clients import DEFAULT_CLIENT, Clients
from serving.auth.scopes import EVENTS_WRITE, SCOPES


def test_programs_that_start_together_agree_on_secrets(tmp_path: Path) -> None:
    path = tmp_path / "issuer" / "clients.json"
    names = ["shop", "till"] * 8
    with ThreadPoolExecutor(len(names)) as pool:
        made = list(pool.map(lambda name: Clients(path).register(name, (EVENTS_WRITE,)), names))
    known = Clients(path).all()
    assert set(known) == {DEFAULT_CLIENT, "shop", "till"}
    assert all(known[client.client_id] == client for client in made)
    assert known[DEFAULT_CLIENT].scopes == SCOPES


def test_a_client_is_added_to_those_that_a_person_wrote(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    path.write_text(json.dumps([{"client_id": "till", "client_secret": "s", "scopes": ["events:write"]}]))
    shop = Clients(path).register("shop", (EVENTS_WRITE,))
    assert list(Clients(path).all()) == ["till", "shop"]
    assert Clients(path).authenticate("shop", shop.client_secret) == shop
    assert Clients(path).authenticate("shop", "s") is None
    written = path.stat().st_mtime_ns
    assert Clients(path).register("till", SCOPES).scopes == ("events:write",)
    assert path.stat().st_mtime_ns == written


def test_a_secret_that_is_given_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    random = Clients(path).register("shop", (EVENTS_WRITE,))
    assert Clients(path).register("shop", SCOPES, "given").scopes == (EVENTS_WRITE,)
    assert Clients(path).authenticate("shop", "given") is not None
    assert Clients(path).authenticate("shop", random.client_secret) is None
    assert Clients(path).register("till", (EVENTS_WRITE,), "of the till").client_secret == "of the till"
    assert list(Clients(path).all()) == [DEFAULT_CLIENT, "shop", "till"]
    assert Clients(path).register("shop", SCOPES).client_secret == "given"


def test_a_file_that_cannot_be_understood_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    path.write_text("[{]")
    with pytest.raises(InvalidInputError, match="must list client_id"):
        Clients(path).register("shop", (EVENTS_WRITE,))
    assert path.read_text() == "[{]"
