"""How a warehouse's columns and values become those of the interface: the YAML of ``import --map``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import InvalidInputError

IMPORTED = ("interactions", "items", "users", "impressions")
"""Tables that an import may bring, in the order of the interface."""

FORM = "{interactions: {user_id: SOURCE_COLUMN, …}, files: {interactions: FILE}, values: {action: {buy: purchase}}}"


@dataclass(frozen=True)
class Mapping:
    """``columns``: table → our column → source column. ``files``: table → file name in the folder.

    ``values``: our column → source value (as text) → our value.
    """

    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)


def _texts(where: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or any(isinstance(inner, dict | list) or inner is None for inner in value.values()):
        raise InvalidInputError(where, f"must be a mapping of names to names, as in {FORM}")
    return {str(key): str(inner) for key, inner in value.items()}


def parse_mapping(content: Any) -> Mapping:
    """Checks the parsed YAML. A mapping without table names is that of ``interactions``.

    Raises InvalidInputError naming the key that is wrong.
    """
    if not isinstance(content, dict):
        raise InvalidInputError("--map", f"must be a mapping, as in {FORM}")
    keys = {str(key) for key in content}
    if not keys & set(IMPORTED):
        own = {key: value for key, value in content.items() if key not in ("files", "values")}
        content = {key: value for key, value in content.items() if key in ("files", "values")}
        content |= {"interactions": own} if own else {}
    unknown = {str(key) for key in content} - set(IMPORTED) - {"files", "values"}
    if unknown:
        raise InvalidInputError(f"--map {sorted(unknown)[0]}", f"is none of {', '.join(IMPORTED)}, files, values")
    values = content.get("values", {})
    if not isinstance(values, dict):
        raise InvalidInputError("--map values", f"must be a mapping, as in {FORM}")
    files = _texts("--map files", content.get("files", {}))
    if set(files) - set(IMPORTED):
        raise InvalidInputError("--map files", f"may name {', '.join(IMPORTED)} only")
    return Mapping(
        columns={name: _texts(f"--map {name}", content[name]) for name in IMPORTED if name in content},
        files=files,
        values={str(name): _texts(f"--map values.{name}", inner) for name, inner in values.items()},
    )


def read_mapping(path: Path) -> Mapping:
    """Reads a YAML file. Raises InvalidInputError when it is missing, no YAML, or not of the form above."""
    try:
        return parse_mapping(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInputError("--map", f"{path} cannot be read as YAML ({' '.join(str(error).split())})") from error
