"""What the page asks of its server, against a real gateway."""

import asyncio
from typing import Any

import httpx
import pytest

from storefront.credentials import ClientCredentials
from storefront.public_api import PublicApi
from tests.serving.conftest import WithChanges, free_port
from tests.serving.running import RunningGateway
from tests.storefront.running import credentials, running_storefront

CLICK = {"event_id": "e1", "user_id": "shopper", "item_id": "i1", "action": "click", "request_id": "r1"}


def get(storefront: str, path: str, **parameters: Any) -> httpx.Response:
    return httpx.get(f"{storefront}{path}", params=parameters, timeout=20)


def test_recommendations_come_with_titles_and_without_a_token(storefront: str) -> None:
    answer = get(storefront, "/api/recommendations", user_id="shopper", count=4)
    assert answer.status_code == 200
    assert [item["title"] for item in answer.json()["items"]] == [
        f"Item {item['item_id'][1:]}" for item in answer.json()["items"]
    ]
    assert "authorization" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_similar_items_of_an_unknown_item_are_not_found(storefront: str) -> None:
    assert len(get(storefront, "/api/items/i3/similar").json()["items"]) == 6
    missing = get(storefront, "/api/items/a%2Fb/similar")
    assert missing.status_code == 404
    assert missing.json()["detail"] == "there is no item a/b"


def test_an_event_is_acknowledged(storefront: str) -> None:
    answer = httpx.post(f"{storefront}/api/events", json=CLICK, timeout=20)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "event_ids": ["e1"]})


def test_what_the_gateway_finds_wrong_is_said_to_the_page(storefront: str) -> None:
    answer = get(storefront, "/api/recommendations", user_id="")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == ["user_id"]


def test_no_other_site_can_make_it_act(storefront: str) -> None:
    plain = httpx.post(
        f"{storefront}/api/events", content=httpx.Request("POST", storefront, json=CLICK).content, timeout=20
    )
    assert plain.status_code == 422
    renamed = httpx.get(f"{storefront}/api/recommendations?user_id=u", headers={"Host": "attacker.example"})
    assert renamed.status_code == 400
    policy = get(storefront, "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")


def test_a_gateway_that_is_down_is_said_with_when_to_try_again() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with running_storefront(nobody, ClientCredentials(f"{nobody}/oauth/token", "storefront", "secret")) as url:
        answer = get(url, "/api/recommendations", user_id="u")
        assert get(url, "/healthz").status_code == 200
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_a_secret_that_the_issuer_does_not_know_is_said(gateway: RunningGateway) -> None:
    auth = ClientCredentials(f"{gateway.url}/oauth/token", "storefront", "not the secret")
    with running_storefront(gateway.url, auth) as url:
        answer = get(url, "/api/recommendations", user_id="u")
    assert answer.status_code == 502
    assert "refuses the storefront a token" in answer.json()["detail"]


def test_a_limit_of_the_gateway_reaches_the_page(with_changes: WithChanges) -> None:
    with with_changes(rate_user_per_second=1) as limited, running_storefront(limited.url, credentials(limited)) as url:
        answers = [get(url, "/api/recommendations", user_id="eager") for _ in range(4)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 2
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


async def _ask(gateway: RunningGateway, times: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Asks at once; returns how many tokens that took."""
    issuer, given = gateway.gateway.issuer, []

    def counted(*arguments: Any, **options: Any) -> str:
        given.append(type(issuer).token(issuer, *arguments, **options))
        return given[-1]

    monkeypatch.setattr(issuer, "token", counted)
    api = PublicApi(gateway.url, credentials(gateway))
    await asyncio.gather(*(api.recommendations(f"crowd-{n}", 1) for n in range(times)))
    await api.close()
    return len(given)


async def test_one_token_serves_everybody(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _ask(gateway, 10, monkeypatch) == 1


async def test_a_token_is_renewed_before_it_expires(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.credentials.EARLY_SECONDS", 3600.0)
    assert await _ask(gateway, 4, monkeypatch) == 4
