"""Which code runs: the git commit, and a mark when the tree differs from it."""

import hashlib
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def git_commit(checkout: Path = CHECKOUT) -> str:
    """The commit's 40 hex digits, ``+`` and 8 of a hash of the changes to tracked files where there are any;
    ``unversioned`` outside a git checkout."""
    try:
        commit = _git(checkout, "rev-parse", "HEAD").decode().strip()
        changes = _git(checkout, "diff", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return "unversioned"
    return f"{commit}+{hashlib.sha256(changes).hexdigest()[:8]}" if changes else commit


def _git(checkout: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=checkout, check=True, capture_output=True).stdout
