"""Who may look and who may change."""

import httpx
import pytest

from console.access import COOKIE, HEADER
from serving.auth.scopes import ADMIN, RECOMMENDATIONS_READ
from tests.console.conftest import A
from tests.console.running import RunningConsole

CHANGES = [
    (f"/api/releases/{A}/promote", {"why": "test", "seen": 2}),
    ("/api/rollback", {"why": "test", "seen": 2}),
    ("/api/experiments/x1/start", None),
    ("/api/experiments/x1/stop", {"why": "test"}),
]


def test_signing_in_keeps_the_token_where_no_script_and_no_other_site_gets_it(console: RunningConsole) -> None:
    with httpx.Client(base_url=console.url, headers={HEADER: "1"}) as client:
        assert client.get("/api/session").json() is None
        answer = client.post("/api/session", json={"token": f" {console.token(ADMIN)}\n"})
        assert answer.json() == {"subject": "ann", "scopes": [ADMIN], "admin": True}
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get("/api/session").json()["subject"] == "ann"
        assert client.delete("/api/session").status_code == 204
        assert client.get("/api/pointers").status_code == 401


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "x" * 4000])
def test_what_is_no_token_signs_nobody_in(console: RunningConsole, token: str) -> None:
    answer = httpx.post(f"{console.url}/api/session", json={"token": token}, headers={HEADER: "1"})
    assert answer.status_code in (401, 422, 503)
    assert "set-cookie" not in answer.headers
    assert not token or token not in answer.text


def test_an_expired_token_is_told_so(console: RunningConsole) -> None:
    with console.signed_in(ADMIN, seconds=-60) as client:
        answer = client.get("/api/pointers")
    assert answer.status_code == 401
    assert "expired_token" in answer.json()["detail"]
    assert "sign in again" in answer.json()["detail"]


def test_any_token_may_look_but_not_change(console: RunningConsole) -> None:
    with console.signed_in(RECOMMENDATIONS_READ) as client:
        assert client.get("/api/pointers").status_code == 200
        for path, body in CHANGES:
            answer = client.post(path, json=body)
            assert (path, answer.status_code) == (path, 403)
            assert "scope admin" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers", [{}, {HEADER: "1", "Origin": "http://evil.example"}, {HEADER: "1", "Origin": "null"}]
)
def test_a_change_that_another_site_asks_for_is_refused(console: RunningConsole, headers: dict[str, str]) -> None:
    cookies = {COOKIE: console.token(ADMIN)}
    with httpx.Client(base_url=console.url, cookies=cookies, headers=headers) as client:
        for path, body in [*CHANGES, ("/api/session", {"token": console.token(ADMIN)})]:
            assert client.post(path, json=body).status_code == 403
    assert console.get("/api/pointers")["revision"] == 2


def test_pages_of_others_are_shown_to_who_is_signed_in_only(console: RunningConsole) -> None:
    folder = console.settings.home / "reports" / "drift"
    folder.mkdir(parents=True)
    (folder / "a.html").write_text("drift")
    (console.settings.home / "secret.html").write_text("secret")
    answer = httpx.get(f"{console.url}/reports/drift/a.html")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    answer = console.client.get("/reports/drift/a.html")
    assert answer.text == "drift"
    assert "sandbox" in answer.headers["content-security-policy"]
    for path in ("/reports/../secret.html", "/reports/%2e%2e/secret.html", "/reports//etc/passwd", "/reports/drift"):
        assert console.client.get(path).status_code == 404


def test_the_page_itself_holds_no_data_and_allows_no_other_host(console: RunningConsole) -> None:
    answer = httpx.get(console.url)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert httpx.get(f"{console.url}/healthz").json() == {"status": "ok"}
