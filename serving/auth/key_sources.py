"""Where the keys come from that tokens are checked with."""

import asyncio
import time
from typing import Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from contracts.errors import UnavailableError
from serving.auth.signing_keys import SigningKeys

REFETCH_SECONDS = 5.0
"""Not more often than this is an issuer asked for its keys, however many tokens name a key that is not known."""

MAXIMUM_AGE_SECONDS = 300.0
"""After this long the keys are fetched again, so that a key taken back stops working."""


class KeySource(Protocol):
    """Public keys of one issuer."""

    async def keys(self, *, unknown_kid: bool = False) -> KeySet:
        """The keys; ``unknown_kid`` says that a token named one that was not among them. Raises UnavailableError."""
        ...


class EmbeddedKeys:
    """The embedded issuer's keys, read from its files: the gateway does not ask itself over HTTP."""

    def __init__(self, keys: SigningKeys) -> None:
        self._source = keys
        self._known: KeySet | None = None
        self._read_at = 0.0

    async def keys(self, *, unknown_kid: bool = False) -> KeySet:
        age = time.monotonic() - self._read_at
        if self._known is None or age > REFETCH_SECONDS or (unknown_kid and age > 1.0):
            self._known, self._read_at = self._source.public(), time.monotonic()
        return self._known


class DiscoveredKeys:
    """The keys that an OIDC issuer's discovery document points to; fetched again when old or when a kid is unknown."""

    def __init__(self, issuer: str, client: httpx.AsyncClient) -> None:
        self._issuer = issuer
        self._client = client
        self._known: KeySet | None = None
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def keys(self, *, unknown_kid: bool = False) -> KeySet:
        if not self._due(unknown_kid) and self._known is not None:
            return self._known
        async with self._fetching:
            if self._due(unknown_kid):
                self._tried_at = time.monotonic()
                try:
                    self._known = await self._fetch()
                    self._fetched_at = time.monotonic()
                except (httpx.HTTPError, ValueError, KeyError, TypeError, JoseError) as error:
                    if self._known is None:
                        raise UnavailableError("issuer", f"{self._issuer} gives no keys: {error}") from error
        if self._known is None:
            raise UnavailableError("issuer", f"{self._issuer} gave no keys")
        return self._known

    def _due(self, unknown_kid: bool) -> bool:
        now = time.monotonic()
        wanted = self._known is None or unknown_kid or now - self._fetched_at > MAXIMUM_AGE_SECONDS
        return wanted and now - self._tried_at > REFETCH_SECONDS

    async def _fetch(self) -> KeySet:
        document = await self._client.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        document.raise_for_status()
        metadata = document.json()
        if metadata["issuer"] != self._issuer:
            raise ValueError(f"its discovery document is that of {metadata['issuer']!r}")
        answer = await self._client.get(metadata["jwks_uri"])
        answer.raise_for_status()
        return KeySet.import_key_set(answer.json())
