"""The embedded issuer: ``POST /oauth/token``, discovery and key set."""

import base64
import binascii
from urllib.parse import parse_qsl, unquote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from contracts.errors import InvalidInputError
from contracts.requests import GrantRefused, Token, TokenRequest
from serving.auth.clients import Client
from serving.auth.issuer import TOKEN_SECONDS
from serving.auth.scopes import ADMIN
from serving.gateway.access import GatewayOf
from serving.gateway.answers import json_response
from serving.gateway.documentation import ERRORS
from serving.gateway.service import Gateway

router = APIRouter(tags=["issuer"])

FORM = "application/x-www-form-urlencoded"
_UNCACHED = {"Cache-Control": "no-store"}


class _GrantError(Exception):
    """RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


@router.get("/.well-known/openid-configuration")
async def discovery(gateway: GatewayOf) -> Response:
    """OpenID Connect Discovery."""
    return json_response(gateway.issuer.metadata())


@router.get("/.well-known/jwks.json")
async def key_set(gateway: GatewayOf) -> Response:
    """The public keys."""
    return json_response(await gateway.in_thread(gateway.issuer.key_set))


@router.post(
    "/oauth/token",
    response_model=Token,
    responses={
        400: {"model": GrantRefused, "description": "The request is wrong"},
        401: {"model": GrantRefused, "description": "The client is not known by this secret"},
        429: ERRORS[429],
    },
    openapi_extra={"requestBody": {"required": True, "content": {FORM: {"schema": TokenRequest.model_json_schema()}}}},
)
async def token(request: Request, gateway: GatewayOf) -> Response:
    """Client credentials (RFC 6749, section 4.4), by basic authentication or in the form. Errors as that RFC says."""
    try:
        form = _form(request.headers.get("content-type", ""), await request.body())
        client_id, secret = _credentials(request.headers.get("authorization", ""), form)
        answer = await gateway.in_thread(lambda: _grant(gateway, client_id, secret, form.get("scope", "")))
    except _GrantError as error:
        response = json_response({"error": error.error, "error_description": error.description}, error.status)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="headwater"'
    else:
        response = json_response(answer)
    response.headers.update(_UNCACHED)
    return response


def _form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise _GrantError("invalid_request", f"the content type must be {FORM}")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise _GrantError("invalid_request", "the form cannot be read") from error
    if len(dict(pairs)) != len(pairs):
        raise _GrantError("invalid_request", "a field is given twice")
    if dict(pairs).get("grant_type") != "client_credentials":
        raise _GrantError("unsupported_grant_type", "grant_type must be client_credentials")
    return dict(pairs)


def _credentials(authorization: str, form: dict[str, str]) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise _GrantError("invalid_client", "the basic authentication cannot be read", 401) from error
    return unquote(client_id), unquote(secret)


def _grant(gateway: Gateway, client_id: str, secret: str, scope: str) -> dict[str, object]:
    gateway.limiter.check(f"issuer:{client_id[:64]}", None)
    client: Client | None = gateway.issuer.clients.authenticate(client_id, secret)
    if client is None:
        raise _GrantError("invalid_client", "client_id or client_secret is wrong", 401)
    asked = scope.split() or [one for one in client.scopes if one != ADMIN]
    if not set(asked) <= set(client.scopes):
        raise _GrantError("invalid_scope", f"the client may ask for {' '.join(client.scopes)}")
    try:
        signed = gateway.issuer.token(client.client_id, asked, client_id=client.client_id)
    except InvalidInputError as error:
        raise _GrantError("invalid_scope", str(error)) from error
    return {"access_token": signed, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": " ".join(asked)}
