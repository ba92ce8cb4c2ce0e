"""Jars that a Spark session needs beside its own; setup has put them into the environment."""

import sys
from pathlib import Path

from contracts.errors import HeadwaterError


def installed(name: str, how: str) -> list[Path]:
    """The jars of a set of ``stack/jars.lock``. Raises HeadwaterError, which says ``how`` to get them."""
    folder = Path(sys.prefix) / "share" / "headwater" / "jars" / name
    jars = sorted(folder.glob("*.jar"))
    if not jars:
        raise HeadwaterError(f"Spark's jars for {name} are not in {folder}: run {how}")
    return jars
