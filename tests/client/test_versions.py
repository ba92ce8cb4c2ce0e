"""Client and gateway of different ages understand each other."""

import importlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.generate import DOCUMENT, write_client
from client.headwater_client import AuthenticatedClient
from client.headwater_client.api.recommendations import recommendations
from client.headwater_client.models import Recommendations
from client.headwater_client.types import UNSET
from tests.serving.running import RunningGateway

ADDED = ("title", "category")
"""Fields of an item that the first version of the interface did not have."""


@pytest.fixture
def older_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package that was generated before the fields were added."""
    document = json.loads(DOCUMENT.read_text())
    item = document["components"]["schemas"]["RecommendedItem"]
    for name in ADDED:
        del item["properties"][name]
        assert name not in item["required"]
    source = tmp_path / "openapi.json"
    source.write_text(json.dumps(document))
    write_client(source, tmp_path / "older_client")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("older_client")


def test_an_older_client_lets_fields_pass_that_it_does_not_know(gateway: RunningGateway, older_client: Any) -> None:
    ask = importlib.import_module("older_client.api.recommendations.recommendations")
    with older_client.AuthenticatedClient(gateway.url, gateway.token()) as one:
        answer = ask.sync(client=one, user_id="nobody", count=2)
    assert not hasattr(answer.items[0], "title")
    assert [item.additional_properties["title"] for item in answer.items] == [
        f"Item {item.item_id[1:]}" for item in answer.items
    ]


def test_an_older_gateway_gives_items_without_the_fields(gateway: RunningGateway) -> None:
    def older(response: httpx.Response) -> None:
        content = json.loads(response.read())
        for item in content["items"]:
            for name in ADDED:
                del item[name]
        response._content = json.dumps(content).encode()

    options = {"event_hooks": {"response": [older]}}
    with AuthenticatedClient(gateway.url, gateway.token(), httpx_args=options) as one:
        answer = recommendations.sync(client=one, user_id="nobody", count=2)
    assert isinstance(answer, Recommendations)
    assert [item.title for item in answer.items] == [UNSET, UNSET]
