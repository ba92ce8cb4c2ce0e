"""The embedded issuer's private keys, kept in ``<home>/issuer/keys`` and readable by its owner alone."""

import json
import os
import secrets
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from joserfc.jwk import ECKey, KeySet

from contracts.errors import InvalidInputError

ALGORITHM = "ES256"
LONGEST_TOKEN_SECONDS = 86_400
_CURVE = "P-256"


class SigningKeys:
    """Every key that may have signed a token still valid; the newest signs. File names sort by age."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def current(self) -> ECKey:
        """The signing key; made when there is none. Two processes that start together agree on one."""
        keys = self._read()
        return keys[-1] if keys else self._make("000001")

    def rotate(self) -> ECKey:
        """Makes a new signing key. Tokens of the earlier ones stay valid until they expire; a key that no such token
        can be from any more, since its successor is older than the longest token, is deleted."""
        files = sorted(self._directory.glob("[0-9]*.json"))
        for file, successor in pairwise(files):
            with suppress(FileNotFoundError):  # another rotation was quicker
                if time.time() - successor.stat().st_mtime > LONGEST_TOKEN_SECONDS:
                    file.unlink()
        return self._make(f"{max((int(path.stem) for path in files), default=0) + 1:06d}")

    def public(self) -> KeySet:
        """The key set as others may see it."""
        keys = self._read() or [self.current()]
        return KeySet([ECKey.import_key(key.as_dict(private=False)) for key in keys])

    def _read(self) -> list[ECKey]:
        keys = []
        for path in sorted(self._directory.glob("[0-9]*.json")):
            try:
                keys.append(ECKey.import_key(json.loads(path.read_text())))
            except FileNotFoundError:
                continue  # a rotation has deleted it since
            except ValueError as error:
                raise InvalidInputError(str(path), "holds no signing key; delete it to have one made") from error
        return keys

    def _make(self, name: str) -> ECKey:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        kid = secrets.token_urlsafe(9)
        key = ECKey.generate_key(_CURVE, parameters={"kid": kid, "use": "sig", "alg": ALGORITHM}, private=True)
        partial = self._directory / f".{kid}"
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(key.as_dict(private=True), file)
        try:
            os.link(partial, self._directory / f"{name}.json")
        except FileExistsError:
            return self._read()[-1]
        finally:
            partial.unlink()
        return key
