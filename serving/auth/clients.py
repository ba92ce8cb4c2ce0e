"""Clients of the embedded issuer: ``<home>/issuer/clients.json``, readable by its owner alone."""

import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from contracts.errors import InvalidInputError
from serving.auth.scopes import SCOPES

DEFAULT_CLIENT = "headwater"


@dataclass(frozen=True)
class Client:
    """Who may ask for tokens with a secret, and for which scopes."""

    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = SCOPES


class Clients:
    """The clients in one file, made with one client and a random secret when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> dict[str, Client]:
        """Clients by id. Raises InvalidInputError when the file cannot be understood."""
        if not self._path.exists():
            self._make()
        try:
            listed = json.loads(self._path.read_text())
            clients = [Client(one["client_id"], one["client_secret"], tuple(one["scopes"])) for one in listed]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(str(self._path), "must list client_id, client_secret and scopes") from error
        return {client.client_id: client for client in clients}

    def authenticate(self, client_id: str, client_secret: str) -> Client | None:
        """The client, when the secret is its own. Takes as long for a wrong id as for a wrong secret."""
        client = self.all().get(client_id)
        expected = client.client_secret if client else secrets.token_urlsafe(32)
        return client if hmac.compare_digest(expected.encode(), client_secret.encode()) and client else None

    def _make(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._path.with_name(f".{secrets.token_hex(8)}")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump([asdict(Client(DEFAULT_CLIENT, secrets.token_urlsafe(32)))], file, indent=1)
        try:
            os.link(partial, self._path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
