"""``headwater bench loop``: experiments that are decided by nobody, on a world whose truth is known."""

from benchmarks.result import Figure


def run(argv: list[str]) -> list[Figure]:
    """See ``benchmarks.loop.bench``."""
    from benchmarks.loop import bench

    return bench.run(argv)
