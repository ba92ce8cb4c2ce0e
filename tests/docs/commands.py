"""The commands that the documentation shows, as a reader would type them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
PAGES = (TREE / "README.md", *sorted((TREE / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(?P<kind>.*?)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
CAPTION = re.compile(r"^:caption: (?P<name>\S+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A command of a page; ``text`` as typed, without the prompt."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:60]}"


def typed(text: str, kind: str) -> Iterator[str]:
    """The commands of a fenced block: after the prompts of ``console``, all lines of ``sh``, continued ones joined."""
    lines = text.replace("\\\n", " ").splitlines()
    if kind == "console":
        return (line.removeprefix("$ ") for line in lines if line.startswith("$ "))
    return (line for line in lines if line.strip() and not line.startswith("#"))


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Kind and text of every fenced block."""
    return ((found["kind"], found["text"]) for found in FENCE.finditer(page.read_text()))


def shown() -> list[Shown]:
    """Every command of every page."""
    return [
        Shown(str(page.relative_to(TREE)), command)
        for page in PAGES
        for kind, text in blocks(page)
        if kind in ("console", "sh")
        for command in typed(text, kind)
    ]


def mentioned() -> list[Shown]:
    """Every ``headwater …`` that a sentence names as code."""
    return [
        Shown(str(page.relative_to(TREE)), " ".join(code.split()))
        for page in PAGES
        for code in re.findall(r"`((?:\.venv/bin/)?headwater [^`…|]+)`", FENCE.sub("", page.read_text()))
    ]


def files(page: Path) -> dict[str, str]:
    """The files that a page lets the reader write: blocks with a caption, by name."""
    found = {}
    for _, text in blocks(page):
        if caption := CAPTION.search(text):
            found[caption["name"]] = text[caption.end() :]
    return found


def ours(command: str) -> Iterator[list[str]]:
    """The words after ``headwater`` wherever the command calls it, in ``$(…)`` too."""
    for call in re.findall(r"(?:^|\$\(|[|&;] )(?:\.venv/bin/)?headwater ([^)|;&]*)", command):
        yield shlex.split(call)
