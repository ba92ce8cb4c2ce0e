"""The Java runtime that Spark and Kafka need."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError

OLDEST: Final = 17
HOW: Final = "install OpenJDK 17 (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME."


def java_binary(environment: dict[str, str] | None = None) -> str:
    """Path of ``java``: that of JAVA_HOME, else the first one on PATH. Raises HeadwaterError when there is none."""
    variables = dict(os.environ) if environment is None else environment
    at_home = Path(variables.get("JAVA_HOME", "")) / "bin" / "java"
    if variables.get("JAVA_HOME") and os.access(at_home, os.X_OK):
        return str(at_home)
    found = shutil.which("java", path=variables.get("PATH"))
    if found is None:
        raise HeadwaterError(f"Java is missing: {HOW}")
    return found


def java_version(binary: str) -> int:
    """The major version. Raises HeadwaterError when ``binary`` is no working Java."""
    done = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', done.stderr)
    if done.returncode != 0 or found is None:
        raise HeadwaterError(f"{binary} is no working Java: {HOW}")
    return int(found[1])


def require_java() -> str:
    """Path of a Java that is new enough. Raises HeadwaterError otherwise."""
    binary = java_binary()
    version = java_version(binary)
    if version < OLDEST:
        raise HeadwaterError(f"Java {version} is too old: {HOW}")
    return binary
