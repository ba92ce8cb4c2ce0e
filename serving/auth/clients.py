"""Clients of the embedded issuer: ``<home>/issuer/clients.json``, readable by its owner alone."""

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
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
            self.register(DEFAULT_CLIENT, SCOPES)
        return self._read()

    def register(self, client_id: str, scopes: tuple[str, ...], secret: str = "") -> Client:
        """The client of that id: as the file has it, else added with a random secret. A ``secret`` that is given takes
        the place of either. Processes that do so at once agree on one secret. Raises InvalidInputError."""
        with self._alone():
            exists = self._path.exists()
            known = self._read() if exists else {}
            wanted = {client_id: scopes} if exists else {DEFAULT_CLIENT: SCOPES, client_id: scopes}
            new = {one: Client(one, secrets.token_urlsafe(32), its) for one, its in wanted.items() if one not in known}
            if secret and (known | new)[client_id].client_secret != secret:
                new[client_id] = replace((known | new)[client_id], client_secret=secret)
            if new:
                self._write((known | new).values())
        return (known | new)[client_id]

    def authenticate(self, client_id: str, client_secret: str) -> Client | None:
        """The client, when the secret is its own. Takes as long for a wrong id as for a wrong secret."""
        client = self.all().get(client_id)
        expected = client.client_secret if client else secrets.token_urlsafe(32)
        return client if hmac.compare_digest(expected.encode(), client_secret.encode()) and client else None

    def _read(self) -> dict[str, Client]:
        try:
            listed = json.loads(self._path.read_text())
            clients = [Client(one["client_id"], one["client_secret"], tuple(one["scopes"])) for one in listed]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(str(self._path), "must list client_id, client_secret and scopes") from error
        return {client.client_id: client for client in clients}

    def _write(self, clients: Iterable[Client]) -> None:
        partial = self._path.with_name(f".{secrets.token_hex(8)}")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump([asdict(client) for client in clients], file, indent=1)
        partial.replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
