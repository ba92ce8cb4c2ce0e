"""``headwater bench serving``: the whole chain under open-loop load, beside its floors of the same run."""

from benchmarks.result import Figure


def run(argv: list[str]) -> list[Figure]:
    """See ``benchmarks.serving.bench``, which the load's own process does without."""
    from benchmarks.serving import bench

    return bench.run(argv)
