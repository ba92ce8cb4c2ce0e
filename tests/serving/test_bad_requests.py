"""What clients send by mistake or on purpose: always an answer of ours, never a 5xx."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.auth.issuer import Issuer
from serving.gateway.__main__ import main
from serving.gateway.open_files import raise_limit
from tests.serving.conftest import WithChanges, free_port
from tests.serving.running import RunningGateway

SLOW = 3000
"""Connections that send half a header and wait."""
OTHER_FILES = 500
"""What this process holds open beside them."""


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["status"] == status
    assert answer.headers["x-request-id"]
    return dict(content)


@pytest.mark.parametrize("count", ["0", "-1", "101", "abc", "", "1.5", "1e2", "９９９"])
def test_a_wrong_count_is_named(gateway: RunningGateway, count: str) -> None:
    content = _problem(gateway.get("/v1/recommendations", params={"user_id": "u", "count": count}), 422)
    assert content["errors"][0]["field"] == "count"


@pytest.mark.parametrize(
    "user_id", ["", "x" * 10_240, "a\x00b", "a\nb", "\u202e"], ids=["empty", "long", "nul", "line", "rtl"]
)
def test_a_user_id_out_of_contract_is_named(gateway: RunningGateway, user_id: str) -> None:
    content = _problem(gateway.get("/v1/recommendations", params={"user_id": user_id}), 422)
    assert content["errors"][0]["field"] == "user_id"


@pytest.mark.parametrize("user_id", ["🙂", "' OR 1=1 --", "../../etc/passwd", "{{7*7}}", "a:b;c,d", "%s%n", "ユーザー"])
def test_odd_user_ids_are_users_like_any(gateway: RunningGateway, user_id: str) -> None:
    assert gateway.recommend(user_id)["user_id"] == user_id


def test_a_parameter_given_twice_or_unknown_is_refused(gateway: RunningGateway) -> None:
    for query, field in (("user_id=a&user_id=b", "user_id"), ("user_id=a&count=5&cuont=5", "cuont")):
        content = _problem(gateway.get(f"/v1/recommendations?{query}"), 422)
        assert [error["field"] for error in content["errors"]] == [field]
    assert gateway.get("/v1/recommendations?user_id=a&exclude=i1&exclude=i2").status_code == 200


def test_the_token_is_looked_at_before_anything_else(gateway: RunningGateway) -> None:
    json_type = {"Content-Type": "application/json"}
    weak = gateway.headers("recommendations:read")
    for path, content, headers in (
        ("/v1/events", b"{", json_type),
        ("/v1/events", b"a=b", {"Content-Type": "text/plain"}),
        ("/v1/events", b'{"colour": 1}', json_type),
        ("/v1/events?strange=1", b"[]", json_type),
        ("/v1/experiments", b"[" * 10_000, json_type),
    ):
        _problem(gateway.client.post(path, content=content, headers=headers), 401)
        _problem(gateway.client.post(path, content=content, headers=headers | weak), 403)


def test_a_missing_user_id_is_named(gateway: RunningGateway) -> None:
    assert _problem(gateway.get("/v1/recommendations"), 422)["errors"][0]["field"] == "user_id"


def test_unknown_routes_and_methods(gateway: RunningGateway) -> None:
    for path in ("/v1/nothing", "/", "/v1/items", "/v1/recommendations/"):
        _problem(gateway.get(path), 404)
    for method in ("DELETE", "PATCH", "TRACE"):
        _problem(gateway.client.request(method, "/v1/recommendations", headers=gateway.headers()), 405)
    answer = gateway.post("/v1/recommendations")
    _problem(answer, 405)
    assert "GET" in answer.headers["allow"]


def test_a_wrong_element_refuses_the_list_naming_index_and_field(gateway: RunningGateway) -> None:
    good = {"user_id": "u", "item_id": "i", "action": "view"}
    for wrong, field in (
        ({**good, "action": "liked"}, "[1].action"),
        ({**good, "item_id": ""}, "[1].item_id"),
        ({"user_id": "u", "action": "view"}, "[1].item_id"),
        ({**good, "colour": 1}, "[1].colour"),
        ({**good, "timestamp": "2999-01-01T00:00:00Z"}, "[1].timestamp"),
        ({**good, "timestamp": -1}, "[1].timestamp"),
    ):
        content = _problem(gateway.post("/v1/events", json=[good, wrong]), 422)
        assert [error["field"] for error in content["errors"]] == [field]
    content = _problem(gateway.post("/v1/events", json={**good, "action": 1}), 422)
    assert content["errors"][0]["field"] == "action"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"user_id": "u"',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"user_id":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        b"\xff\xfe\x00",
        b"NaN",
        b"[]",
        b"null",
        b'"text"',
        b'{"user_id":"u","item_id":"i","action":"view","value":1e999}',
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_bodies_that_are_no_event(gateway: RunningGateway, body: bytes) -> None:
    _problem(gateway.post("/v1/events", content=body, headers={"Content-Type": "application/json"}), 422)


def test_too_many_events_and_too_many_bytes(gateway: RunningGateway) -> None:
    one = {"user_id": "u", "item_id": "i", "action": "view"}
    _problem(gateway.post("/v1/events", json=[one] * 501), 422)
    big = b" " * 10_000_000
    _problem(gateway.post("/v1/events", content=big, headers={"Content-Type": "application/json"}), 413)
    pieces = (b" " * 100_000 for _ in range(100))
    _problem(gateway.post("/v1/events", content=pieces, headers={"Content-Type": "application/json"}), 413)


def test_a_wrong_content_type_is_refused(gateway: RunningGateway) -> None:
    _problem(gateway.post("/v1/events", content=b"a=b", headers={"Content-Type": "text/plain"}), 415)


def test_half_a_body_does_not_hold_the_gateway(gateway: RunningGateway) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        head = "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
        half.sendall(head.encode())
        assert gateway.client.get("/healthz").status_code == 200
    assert gateway.client.get("/healthz").status_code == 200


@pytest.fixture
def file_limit() -> Iterator[None]:
    """Puts the limit back that the test found."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("file_limit")
def test_thousands_of_slow_connections_leave_room_for_others(gateway: RunningGateway) -> None:
    allowed = raise_limit()
    count = min(SLOW, (allowed - OTHER_FILES) // 2)  # both ends are in this process
    host, port = gateway.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for n in range(count):
            one = stack.enter_context(socket.create_connection((host, int(port)), 30))
            one.sendall(b"GET /healthz HTTP/1.1\r\nHos")
            if n % 250 == 0:
                assert gateway.recommend("patient")["items"]
        assert gateway.recommend("patient")["items"]
        last = stack.enter_context(socket.create_connection((host, int(port)), 30))
        last.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert last.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.usefixtures("file_limit")
def test_the_gateway_raises_its_limit_of_open_files_to_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, allowed - 1), allowed))
    found: list[tuple[int, int]] = []
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: found.append(resource.getrlimit(resource.RLIMIT_NOFILE)))
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setenv("HEADWATER_GATEWAY_METRICS_PORT", str(free_port()))
    for changed in ("PROMETHEUS_MULTIPROC_DIR", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(changed, "")  # put back after the test
    assert main() == 0
    assert found == [(allowed, allowed)]


def test_tokens_are_checked_on_every_route(gateway: RunningGateway) -> None:
    paths = [
        ("GET", "/v1/recommendations?user_id=u"),
        ("GET", "/v1/recommendations/explain?user_id=u"),
        ("GET", "/v1/items/i1/similar"),
        ("GET", "/v1/experiments"),
        ("POST", "/v1/events"),
        ("POST", "/v1/rank"),
        ("PUT", "/v1/items/i1"),
        ("DELETE", "/v1/items/i1"),
        ("DELETE", "/v1/users/u"),
        ("GET", "/v1/users/u/erasure"),
        ("POST", "/v1/experiments"),
    ]
    for method, path in paths:
        answer = gateway.client.request(method, path)
        _problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        token = gateway.token("recommendations:read")
        between = "&" if "?" in path else "?"
        _problem(gateway.client.request(method, f"{path}{between}access_token={token}"), 401)
        _problem(gateway.client.request(method, path, headers={"Authorization": "Basic dTpw"}), 401)
        needless = "events:write" if method == "GET" else "experiments:read"
        _problem(gateway.client.request(method, path, headers=gateway.headers(needless)), 403)


def test_client_credentials_give_a_token_that_works(gateway: RunningGateway) -> None:
    client = next(iter(gateway.gateway.issuer.clients.all().values()))
    metadata = gateway.client.get("/.well-known/openid-configuration").json()
    assert metadata["token_endpoint"].endswith("/oauth/token")
    assert "d" not in gateway.client.get("/.well-known/jwks.json").json()["keys"][0]
    form = {"grant_type": "client_credentials", "scope": "recommendations:read"}
    answer = gateway.client.post("/oauth/token", data=form, auth=(client.client_id, client.client_secret))
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert gateway.client.get("/v1/recommendations?user_id=u", headers=headers).status_code == 200
    assert gateway.client.get("/v1/experiments", headers=headers).status_code == 403
    for credentials, data, error in (
        (("headwater", "wrong"), form, "invalid_client"),
        (("nobody", client.client_secret), form, "invalid_client"),
        ((client.client_id, client.client_secret), form | {"scope": "root"}, "invalid_scope"),
        ((client.client_id, client.client_secret), {"grant_type": "password"}, "unsupported_grant_type"),
    ):
        answer = gateway.client.post("/oauth/token", data=data, auth=credentials)
        assert answer.json()["error"] == error
        assert answer.status_code in (400, 401)


def test_the_openapi_page_names_every_route(gateway: RunningGateway) -> None:
    paths = gateway.client.get("/openapi.json").json()["paths"]
    assert {"/v1/recommendations", "/v1/events", "/v1/rank", "/v1/experiments/{experiment_id}/metrics"} <= set(paths)
    assert gateway.client.get("/docs").status_code == 200
    assert json.dumps(paths).count("application/problem+json") > 20


def test_limits_for_a_user_and_a_client(with_changes: WithChanges) -> None:
    with with_changes(rate_user_per_second=3, rate_client_per_second=8) as limited:
        codes = [limited.get("/v1/recommendations", params={"user_id": "eager"}) for _ in range(10)]
        refused = [answer for answer in codes if answer.status_code == 429]
        assert len(refused) >= 3
        content = _problem(refused[0], 429)
        assert content["errors"][0]["field"] == "user"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert refused[0].headers["ratelimit-remaining"] == "0"
        other = Issuer(limited.gateway.configuration.home, "http://issuer.test", "headwater", limited.gateway.clock)
        headers = {"Authorization": f"Bearer {other.token('another', ('recommendations:read',))}"}
        answers = [limited.client.get(f"/v1/recommendations?user_id=n{i}", headers=headers) for i in range(24)]
        assert 429 in {answer.status_code for answer in answers}
