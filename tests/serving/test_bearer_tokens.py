"""Tokens that prove something, and all those that must not."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from contracts.errors import UnavailableError
from serving.auth import key_sources
from serving.auth.issuer import Issuer
from serving.auth.key_sources import DiscoveredKeys, EmbeddedKeys
from serving.auth.verifier import InvalidTokenError, Verifier

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.example", "headwater"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path, ISSUER, AUDIENCE, lambda: NOW)


@pytest.fixture
def verifier(issuer: Issuer) -> Verifier:
    return Verifier(EmbeddedKeys(issuer.keys), ISSUER, AUDIENCE, 30, lambda: NOW)


def claims(**changes: object) -> dict[str, object]:
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "scope": "admin", "iat": NOW, "nbf": NOW, "exp": NOW + 60}
    return {name: value for name, value in (base | changes).items() if value is not None}


def signed(issuer: Issuer, **changes: object) -> str:
    key = issuer.keys.current()
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims(**changes), key, ["ES256"])


async def test_the_issuers_token_is_accepted_with_its_scopes(issuer: Issuer, verifier: Verifier) -> None:
    caller = await verifier.caller(issuer.token("alice", ("admin", "events:write"), client_id="app"))
    assert (caller.client_id, caller.subject) == ("app", "alice")
    assert caller.scopes == {"admin", "events:write"}


async def test_a_token_found_good_once_still_expires_and_ends_with_its_key(issuer: Issuer) -> None:
    now, keys = [NOW], EmbeddedKeys(issuer.keys)
    verifier = Verifier(keys, ISSUER, AUDIENCE, 30, lambda: now[0])
    token = issuer.token("alice", seconds=60)
    assert (await verifier.caller(token)).subject == "alice"
    now[0] = NOW + 91
    with pytest.raises(InvalidTokenError):
        await verifier.caller(token)
    now[0] = NOW
    assert (await verifier.caller(token)).subject == "alice"
    keys._known = KeySet([ECKey.generate_key("P-256", parameters={"kid": "other"})])
    with pytest.raises(InvalidTokenError):
        await verifier.caller(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 31},
        {"exp": None},
        {"nbf": NOW + 31},
        {"iat": NOW + 31},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another", "third"]},
        {"iss": "https://issuer.example.evil"},
        {"iss": None},
        {"exp": "never"},
        {"scope": {"admin": True}},
        {"sub": None},
    ],
    ids=str,
)
async def test_wrong_claims_are_refused(issuer: Issuer, verifier: Verifier, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidTokenError):
        await verifier.caller(signed(issuer, **changes))


@pytest.mark.parametrize("changes", [{"exp": NOW - 29}, {"nbf": NOW + 29}, {"aud": ["x", AUDIENCE]}], ids=str)
async def test_clock_skew_and_several_audiences_are_tolerated(
    issuer: Issuer, verifier: Verifier, changes: dict[str, object]
) -> None:
    assert (await verifier.caller(signed(issuer, **changes))).client_id == "s"


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_forged_tokens_are_refused(issuer: Issuer, verifier: Verifier) -> None:
    key = issuer.keys.current()
    public_pem = ECKey.import_key(key.as_dict(private=False)).as_pem(private=False)
    own = ECKey.generate_key("P-256", parameters={"kid": str(key.kid)})
    good = signed(issuer)
    head, _body, signature = good.split(".")
    forged = {
        "none": f"{_part({'alg': 'none', 'kid': key.kid})}.{_part(claims())}.",
        "None": f"{_part({'alg': 'None'})}.{_part(claims())}.{signature}",
        "public key as shared secret": jwt.encode(
            {"alg": "HS256", "kid": key.kid}, claims(), OctKey.import_key(base64.b64encode(public_pem)), ["HS256"]
        ),
        "another key under the same kid": jwt.encode({"alg": "ES256", "kid": key.kid}, claims(), own, ["ES256"]),
        "a key of its own in the header": jwt.encode(
            {"alg": "ES256", "kid": key.kid, "jwk": own.as_dict(private=False)}, claims(), own, ["ES256"]
        ),
        "another key type": jwt.encode(
            {"alg": "RS256", "kid": key.kid}, claims(), RSAKey.generate_key(2048), ["RS256"]
        ),
        "changed body": f"{head}.{_part(claims(scope='admin events:write'))}.{signature}",
        "unknown kid": jwt.encode({"alg": "ES256", "kid": "other"}, claims(), own, ["ES256"]),
        "cut": good[:-10],
        "empty": "",
        "text": "a.b.c",
        "long": good + "A" * 10_000,
        "not ASCII": "ünï.cödé.☃",
    }
    for name, token in forged.items():
        with pytest.raises(InvalidTokenError) as caught:
            await verifier.caller(token)
        assert not token or token not in str(caught.value), name


async def test_rotation_keeps_earlier_tokens_good(
    issuer: Issuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signed(issuer)
    await verifier.caller(before)
    issuer.keys.rotate()
    monkeypatch.setattr(key_sources, "REFETCH_SECONDS", 0.0)
    after = signed(issuer)
    assert (await verifier.caller(before)).client_id == "s"
    assert (await verifier.caller(after)).client_id == "s"


class _Provider:
    """An OIDC issuer of our own on a real port, whose key set can be changed."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, parameters={"kid": "one"})]
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    content: object = {"issuer": outer.url, "jwks_uri": f"{outer.url}/keys"}
                else:
                    outer.asked += 1
                    content = KeySet([*outer.keys]).as_dict(private=False)
                payload = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def sign(self, key: RSAKey) -> str:
        content = claims(iss=self.url, iat=int(time.time()), nbf=int(time.time()), exp=int(time.time()) + 60)
        return jwt.encode({"alg": "RS256", "kid": key.kid}, content, key, ["RS256"])

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def provider() -> Iterator[_Provider]:
    one = _Provider()
    yield one
    one.stop()


async def test_any_oidc_issuer_by_discovery_with_rotation(provider: _Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as client:
        verifier = Verifier(DiscoveredKeys(provider.url, client), provider.url, AUDIENCE, 30, time.time)
        assert (await verifier.caller(provider.sign(provider.keys[0]))).scopes == {"admin"}
        monkeypatch.setattr(key_sources, "REFETCH_SECONDS", 0.0)
        provider.keys = [RSAKey.generate_key(2048, parameters={"kid": "two"})]
        assert (await verifier.caller(provider.sign(provider.keys[0]))).client_id == "s"
        stranger = RSAKey.generate_key(2048, parameters={"kid": "three"})
        with pytest.raises(InvalidTokenError):
            await verifier.caller(provider.sign(stranger))


async def test_unknown_keys_do_not_make_us_flood_the_issuer(provider: _Provider) -> None:
    async with httpx.AsyncClient() as client:
        verifier = Verifier(DiscoveredKeys(provider.url, client), provider.url, AUDIENCE, 30, time.time)
        await verifier.caller(provider.sign(provider.keys[0]))
        stranger = RSAKey.generate_key(2048, parameters={"kid": "three"})
        for _ in range(20):
            with pytest.raises(InvalidTokenError):
                await verifier.caller(provider.sign(stranger))
        assert provider.asked == 1


async def test_an_issuer_that_is_down_is_named() -> None:
    async with httpx.AsyncClient() as client:
        nobody = "http://127.0.0.1:9"
        verifier = Verifier(DiscoveredKeys(nobody, client), nobody, AUDIENCE, 30, time.time)
        with pytest.raises(UnavailableError, match="issuer"):
            await verifier.caller("a.b.c")


def test_the_private_key_is_readable_by_its_owner_alone(issuer: Issuer, tmp_path: Path) -> None:
    issuer.token("s")
    issuer.clients.all()
    for path in (tmp_path / "issuer").rglob("*.json"):
        assert path.stat().st_mode & 0o077 == 0
    assert "d" not in issuer.key_set()["keys"][0]
