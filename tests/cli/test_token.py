"""``headwater token``: a token alone on stdout."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError
from typer.testing import CliRunner, Result

from cli.token import app
from serving.auth.scopes import DEFAULT_SCOPES
from serving.auth.signing_keys import LONGEST_TOKEN_SECONDS, SigningKeys

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(app, list(words))


def decoded(tmp_path: Path, token: str) -> dict[str, object]:
    return dict(jwt.decode(token, SigningKeys(tmp_path / "issuer" / "keys").public(), ["ES256"]).claims)


def kid(token: str) -> str:
    return str(jws.extract_compact(token.encode()).headers()["kid"])


def test_a_token_alone_on_stdout_with_every_scope_but_admin(run: Run, tmp_path: Path) -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    claims = decoded(tmp_path, result.stdout.strip())
    assert str(claims["scope"]).split() == list(DEFAULT_SCOPES)
    assert "admin" not in str(claims["scope"])
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 3600
    assert claims["aud"] == "headwater"


def test_scope_and_subject_are_as_asked(run: Run, tmp_path: Path) -> None:
    claims = decoded(tmp_path, run("--scope", "admin events:write", "--subject", "ann").stdout.strip())
    assert (claims["scope"], claims["sub"]) == ("admin events:write", "ann")


def test_an_unknown_scope_is_wrong_usage_with_one_sentence(run: Run) -> None:
    result = run("--scope", "root")
    assert result.exit_code == 2
    assert "recommendations:read" in result.stderr
    assert result.stdout == ""


def test_the_key_stays_the_same(run: Run, tmp_path: Path) -> None:
    kids = {
        json.dumps(
            jwt.decode(run().stdout.strip(), SigningKeys(tmp_path / "issuer" / "keys").public(), ["ES256"]).header
        )
        for _ in range(2)
    }
    assert len(kids) == 1


def test_a_rotated_key_signs_from_then_on_and_earlier_tokens_stay_good(run: Run, tmp_path: Path) -> None:
    before, after = run().stdout.strip(), run("--rotate-key").stdout.strip()
    assert [decoded(tmp_path, token)["aud"] for token in (before, after)] == ["headwater"] * 2
    keys = sorted((tmp_path / "issuer" / "keys").glob("[0-9]*.json"))
    assert [json.loads(key.read_text())["kid"] for key in keys] == [kid(before), kid(after)]
    assert kid(run().stdout.strip()) == kid(after)


def test_wrong_usage_rotates_nothing(run: Run, tmp_path: Path) -> None:
    run()
    assert run("--rotate-key", "--scope", "root").exit_code == 2
    assert len(list((tmp_path / "issuer" / "keys").glob("[0-9]*.json"))) == 1


def test_a_key_that_no_valid_token_can_be_from_goes_with_the_next_rotation(run: Run, tmp_path: Path) -> None:
    first = run().stdout.strip()
    run("--rotate-key")
    keys = sorted((tmp_path / "issuer" / "keys").glob("[0-9]*.json"))
    long_ago = keys[1].stat().st_mtime - LONGEST_TOKEN_SECONDS - 1
    os.utime(keys[1], (long_ago, long_ago))
    run("--rotate-key")
    left = sorted(path.name for path in (tmp_path / "issuer" / "keys").glob("[0-9]*.json"))
    assert left == ["000002.json", "000003.json"]
    with pytest.raises(InvalidKeyIdError):
        decoded(tmp_path, first)
