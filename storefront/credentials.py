"""The storefront's own token: the browser never holds one."""

import asyncio
import time
from collections.abc import AsyncGenerator
from http import HTTPStatus

import httpx

SCOPES = "recommendations:read events:write"
EARLY_SECONDS = 60.0
"""A token is renewed this long before it expires."""
UNSTATED_SECONDS = 300.0
"""How long a token is taken to be good whose issuer does not say."""


class TokenRefusedError(Exception):
    """The issuer gives no token to this client."""


class ClientCredentials(httpx.Auth):
    """A bearer token by OAuth client credentials (RFC 6749, section 4.4) for every request of one ``AsyncClient``:
    fetched for the first, renewed before it expires, and once more for a request that is answered 401.

    A request raises TokenRefusedError when the issuer refuses, httpx.HTTPStatusError when it cannot answer now.
    """

    def __init__(self, token_url: str, client_id: str, client_secret: str) -> None:
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": SCOPES,
        }
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        async with self._renewing:
            if time.monotonic() >= self._renew_at:
                await self._keep((yield self._grant()))
        used = self._token
        request.headers["Authorization"] = f"Bearer {used}"
        answer = yield request
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            return
        async with self._renewing:
            if self._token == used:
                await self._keep((yield self._grant()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def _grant(self) -> httpx.Request:
        return httpx.Request("POST", self._token_url, data=self._form)

    async def _keep(self, answer: httpx.Response) -> None:
        await answer.aread()
        if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            refusal = answer.json()
            reason = refusal.get("error_description", refusal["error"])
            raise TokenRefusedError(f"the issuer refuses the storefront a token: {reason}")
        answer.raise_for_status()
        granted = answer.json()
        self._token = granted["access_token"]
        self._renew_at = time.monotonic() + float(granted.get("expires_in", UNSTATED_SECONDS)) - EARLY_SECONDS
