"""What is committed is what the gateway's code says today."""

import filecmp
from pathlib import Path

from client.generate import DOCUMENT, PACKAGE, document, write_client

REMEDY = "run python -m client.generate and commit what it writes"


def test_the_committed_document_is_the_gateways() -> None:
    assert DOCUMENT.read_text() == document(), REMEDY


def test_the_committed_client_is_the_documents(tmp_path: Path) -> None:
    fresh = tmp_path / PACKAGE.name
    write_client(DOCUMENT, fresh)
    names = sorted(_sources(fresh))
    assert sorted(_sources(PACKAGE)) == names, REMEDY
    _, changed, unreadable = filecmp.cmpfiles(fresh, PACKAGE, names, shallow=False)
    assert (changed, unreadable) == ([], []), REMEDY


def _sources(package: Path) -> list[str]:
    return [str(path.relative_to(package)) for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
