"""What the supervisor starts for each server: takes the place of the server's process, once nothing is left of the one
before.

A server that was killed may leave children on its port or at its work; the supervisor only knows the process that
died. So its process group, and whatever else carries its name in this stack, ends before the new one begins.
"""

import json
import os
import sys
from pathlib import Path

from stack.leftovers import end_leftovers
from stack.run_folder import RunFolder


def launch(home: Path, name: str) -> None:
    """Replaces this process by the server ``name`` as ``up`` wrote it down."""
    run = RunFolder(home)
    end_leftovers(run, [name])
    program = json.loads(run.programs.read_text())[name]
    run.pid_file(name).write_text(str(os.getpid()))
    os.execvpe(program["command"][0], program["command"], {**os.environ, **program["environment"]})


if __name__ == "__main__":
    launch(Path(sys.argv[1]), sys.argv[2])
