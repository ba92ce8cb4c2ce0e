"""Where Flink's own environment lies: beside the base one, made by ``python -m stack.flink``."""

import sys
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError

FOLDER: Final = Path(f"{sys.prefix}-flink")
JARS: Final = Path("share/headwater/jars/flink")
"""Where an environment keeps the Kafka connector."""


def connector(folder: Path) -> Path:
    """The Kafka connector of the environment in ``folder``. Raises HeadwaterError where the environment is not whole:
    the connector comes last."""
    found = sorted((folder / JARS).glob("flink-sql-connector-kafka-*.jar"))
    if not found:
        raise HeadwaterError(
            f"{folder} is no whole environment of Flink, which HEADWATER_STREAM_ENGINE=flink needs: "
            "run .venv/bin/python -m stack.flink first."
        )
    return found[0]


def require_flink(folder: Path = FOLDER) -> None:
    """Raises HeadwaterError as ``connector``."""
    connector(folder)


def flink_python(folder: Path = FOLDER) -> Path:
    """The environment's Python. Raises HeadwaterError as ``connector``."""
    require_flink(folder)
    return folder / "bin" / "python"
