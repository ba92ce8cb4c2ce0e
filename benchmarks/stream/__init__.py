"""``headwater bench stream``: what one consumer process, the gateway's door for events and the lake sink can do."""

from benchmarks.result import Figure


def run(argv: list[str]) -> list[Figure]:
    """See ``benchmarks.stream.bench``, which the consumer's own process does without."""
    from benchmarks.stream import bench

    return bench.run(argv)
