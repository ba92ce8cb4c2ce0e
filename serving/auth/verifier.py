"""Checks bearer tokens: signature by a key of the issuer, issuer, audience, times, and what scopes they carry."""

import hashlib
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from contracts.clock import Clock
from contracts.errors import HeadwaterError
from serving.auth.key_sources import KeySource

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519")
"""Signatures by a private key only: never ``none``, never a shared secret."""

MAXIMUM_LENGTH = 8_192
"""Characters of the longest token looked at."""


REMEMBERED = 4_096
"""Tokens whose signature was found good and is not checked again with the same keys."""


class InvalidTokenError(HeadwaterError):
    """The token proves nothing. The message never repeats any of it."""


@dataclass(frozen=True)
class Caller:
    """Who is asking: the client to whom the token was given, its subject, and the scopes."""

    client_id: str
    subject: str
    scopes: frozenset[str]


class Verifier:
    """Checks the tokens of one issuer for one audience."""

    def __init__(self, keys: KeySource, issuer: str, audience: str, skew_seconds: int, clock: Clock) -> None:
        self._keys = keys
        self._skew = skew_seconds
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=skew_seconds,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        self._checked_with: KeySet | None = None
        self._good: dict[bytes, dict[str, Any]] = {}

    async def caller(self, token: str) -> Caller:
        """Who holds ``token``. Raises InvalidTokenError, or UnavailableError when the issuer's keys cannot be had."""
        if len(token) > MAXIMUM_LENGTH:
            raise InvalidTokenError("the token is too long")
        try:
            claims = self._decode(token, await self._keys.keys())
        except InvalidKeyIdError:
            claims = await self._decode_again(token)
        except (JoseError, ValueError) as error:
            raise InvalidTokenError(_reason(error)) from error
        try:
            self._claims.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidTokenError(_reason(error)) from error
        return _caller(claims)

    async def _decode_again(self, token: str) -> dict[str, Any]:
        try:
            return self._decode(token, await self._keys.keys(unknown_kid=True))
        except (JoseError, ValueError) as error:
            raise InvalidTokenError(_reason(error)) from error

    def _decode(self, token: str, keys: KeySet) -> dict[str, Any]:
        """The claims of a token signed by one of ``keys``. Raises JoseError or ValueError."""
        if keys is not self._checked_with or len(self._good) >= REMEMBERED:
            self._checked_with, self._good = keys, {}
        digest = hashlib.sha256(token.encode()).digest()
        if digest not in self._good:
            self._good[digest] = dict(jwt.decode(token, keys, list(ALGORITHMS)).claims)
        return self._good[digest]


def _reason(error: Exception) -> str:
    return f"the token is not accepted: {getattr(error, 'error', type(error).__name__)}"


def _caller(claims: dict[str, Any]) -> Caller:
    granted = claims.get("scope", claims.get("scp", ""))
    scopes = granted.split() if isinstance(granted, str) else granted
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise InvalidTokenError("the token's scope is neither text nor a list of text")
    subject = claims.get("sub")
    client = claims.get("client_id") or claims.get("azp") or subject
    if not isinstance(client, str) or not client:
        raise InvalidTokenError("the token names neither client nor subject")
    return Caller(client, subject if isinstance(subject, str) else client, frozenset(scopes))
