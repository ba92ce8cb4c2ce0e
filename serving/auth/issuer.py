"""The embedded issuer: signs tokens with a key in the home folder, so that a laptop needs no identity provider."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joserfc import jwt

from contracts.clock import Clock
from contracts.errors import InvalidInputError
from serving.auth.clients import Clients
from serving.auth.scopes import DEFAULT_SCOPES, SCOPES
from serving.auth.signing_keys import ALGORITHM, SigningKeys

TOKEN_SECONDS = 3600


class Issuer:
    """``url`` is the issuer's identifier, ``home`` the stack's home folder."""

    def __init__(self, home: Path, url: str, audience: str, clock: Clock) -> None:
        self.url = url
        self.keys = SigningKeys(home / "issuer" / "keys")
        self.clients = Clients(home / "issuer" / "clients.json")
        self._audience = audience
        self._clock = clock

    def token(
        self,
        subject: str,
        scopes: Sequence[str] = DEFAULT_SCOPES,
        *,
        client_id: str | None = None,
        seconds: int = TOKEN_SECONDS,
    ) -> str:
        """A signed bearer token (RFC 9068 claims). Raises InvalidInputError for a scope that does not exist."""
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown:
            raise InvalidInputError("scope", f"{' '.join(unknown)!r} is not among {', '.join(SCOPES)}")
        now = int(self._clock())
        key = self.keys.current()
        claims = {
            "iss": self.url,
            "aud": self._audience,
            "sub": subject,
            "client_id": client_id or subject,
            "scope": " ".join(scopes),
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}, claims, key, [ALGORITHM])

    def metadata(self) -> dict[str, Any]:
        """The discovery document (OpenID Connect Discovery 1.0, RFC 8414)."""
        return {
            "issuer": self.url,
            "token_endpoint": f"{self.url}/oauth/token",
            "jwks_uri": f"{self.url}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    def key_set(self) -> dict[str, Any]:
        """The public keys (RFC 7517)."""
        return dict(self.keys.public().as_dict(private=False))
