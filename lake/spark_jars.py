"""Jars that a Spark session needs beside its own; setup has put them into the environment."""

import sys
from pathlib import Path

from contracts.errors import HeadwaterError


def jar_folder(name: str) -> Path:
    """Where the jars of a set lie in this environment."""
    return Path(sys.prefix) / "share" / "headwater" / "jars" / name


def installed(name: str, how: str) -> list[Path]:
    """The jars of a set of ``stack/jars.lock``. Raises HeadwaterError, which says ``how`` to get them."""
    folder = jar_folder(name)
    jars = sorted(folder.glob("*.jar"))
    if not jars:
        raise HeadwaterError(f"Spark's jars for {name} are not in {folder}: run {how}")
    return jars
