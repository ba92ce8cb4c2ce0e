"""Past requests replayed by several processes: one costs some milliseconds of Python, which threads would not share."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Self, TypeVar

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor

from pipeline.artifacts import Artifacts
from pipeline.blend import Blend
from pipeline.candidates import Source
from pipeline.sources import default_sources
from training.models.fitted import Progress, silent
from training.rankers.examples import Examples, PastRequest, joined, replay
from training.rankers.pages import PageRequest, replay_pages

LEAST = 1000
"""Requests that make up for the start of processes."""
AT_ONCE = 250

R = TypeVar("R", PastRequest, PageRequest)


class Replayer:
    """Replays requests through the sources of a release's directory; ``requests`` is about how many will come. The
    processes end with the context. What they give does not depend on how many there are."""

    def __init__(self, folder: Path, requests: int, progress: Progress = silent) -> None:
        self._folder, self._progress = str(folder), progress
        workers = min(cpu_count(), requests // AT_ONCE) if requests >= LEAST else 1
        self._pool = ProcessPoolExecutor(max_workers=workers) if workers > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        else:
            _opened.cache_clear()

    def past(
        self, requests: Sequence[PastRequest], *, total: int, top: int, blend: Blend | None, tail: int, seed: int
    ) -> Examples:
        """See ``training.rankers.examples.replay``."""
        given = {"total": total, "top": top, "blend": blend, "tail": tail, "seed": seed}
        return self._joined(partial(_past, self._folder, given), requests, "past requests")

    def pages(self, requests: Sequence[PageRequest], *, total: int) -> Examples:
        """See ``training.rankers.pages.replay_pages``."""
        return self._joined(partial(_pages, self._folder, total), requests, "pages")

    def _joined(self, work: Callable[[int, Sequence[R]], Examples], requests: Sequence[R], what: str) -> Examples:
        starts = range(0, max(len(requests), 1), AT_ONCE)
        chunks = [requests[start : start + AT_ONCE] for start in starts]
        done: Iterator[Examples] = (map if self._pool is None else self._pool.map)(work, starts, chunks)
        parts = []
        for start, part in zip(starts, done, strict=True):
            parts.append(part)
            if start % (4 * AT_ONCE) == 3 * AT_ONCE:
                replayed = min(start + AT_ONCE, len(requests))
                self._progress(f"rankers: {replayed:,} of {len(requests):,} {what} replayed")
        return joined(*parts)


@cache
def _opened(folder: str) -> tuple[Artifacts, Sequence[Source]]:
    artifacts = Artifacts.load(Path(folder))
    return artifacts, default_sources(artifacts)


def _past(folder: str, given: dict[str, Any], first: int, requests: Sequence[PastRequest]) -> Examples:
    return replay(requests, *_opened(folder), first=first, **given)


def _pages(folder: str, total: int, _: int, requests: Sequence[PageRequest]) -> Examples:
    return replay_pages(requests, *_opened(folder), total=total)
