"""The id of a release: a hash of everything that made it."""

import hashlib
import json
import re
from collections.abc import Mapping

from contracts.errors import InvalidInputError

_FORM = re.compile(r"r[0-9a-f]{12}")


def release_id(inputs: Mapping[str, str]) -> str:
    """'r' and the first 12 hex digits of the SHA-256 of ``inputs`` (name → value, in any order) as sorted JSON."""
    canonical = json.dumps(dict(inputs), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "r" + hashlib.sha256(canonical.encode()).hexdigest()[:12]


def check_id(value: str) -> str:
    """``value`` when it has the form of a release id; so no id can name a path. Raises InvalidInputError."""
    if not _FORM.fullmatch(value):
        raise InvalidInputError(
            "release", f"{value!r} is no release id: 'r' and 12 hex digits, see headwater release list"
        )
    return value
