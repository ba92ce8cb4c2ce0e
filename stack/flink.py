"""``python -m stack.flink``: makes Flink's own environment, or brings it to what requirements-flink.lock says.

PyFlink asks for other versions of py4j, protobuf, numpy and pandas than Spark and TensorFlow, so it has an environment
of its own; ``make setup`` does not make it.
"""

import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError
from stack.jars import fetch, read_lock, resolve_with_ivy
from streaming.flink.environment import FOLDER, JARS

LOCK: Final = Path(__file__).resolve().parent.parent / "requirements-flink.lock"


def install(folder: Path, say: Callable[[str], None]) -> None:
    """Installs the lock into ``folder``, then the Kafka connector. May be cut at any point and run again.

    Raises HeadwaterError when a package or the connector cannot be had or is not the pinned one.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        say(f"making {folder}")
        venv.create(folder, symlinks=True)
    say(f"installing {LOCK.name}")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(LOCK)], check=False)
    if done.returncode != 0:
        raise HeadwaterError(f"pip could not install {LOCK.name}: see its last lines above and run it again.")
    fetch(read_lock()["flink"], folder / JARS, say, resolve_with_ivy)
    say(f"Flink's environment is ready: HEADWATER_STREAM_ENGINE=flink uses {folder}")


def main() -> int:
    """Returns 0, or 1 after a sentence on stderr."""
    try:
        install(FOLDER, lambda message: print(message, file=sys.stderr, flush=True))  # noqa: T201
    except HeadwaterError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
