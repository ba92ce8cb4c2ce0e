"""Figures of Prometheus' text format: what grew between two scrapes, and quantiles of histograms."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, frozenset[tuple[str, str]]]


class Scrape:
    """The samples of one scrape, or of what grew between two."""

    def __init__(self, values: Mapping[Key, float]) -> None:
        self._values = values

    @classmethod
    def parse(cls, text: str) -> "Scrape":
        """Reads the text format. Raises ValueError for anything else."""
        return cls(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    @classmethod
    def of_all(cls, replicas: Mapping[str, "Scrape"]) -> "Scrape":
        """The samples of several processes side by side, told apart by their addresses."""
        return cls(
            {
                (name, labels | {("replica", address)}): value
                for address, replica in replicas.items()
                for (name, labels), value in replica
            }
        )

    def since(self, before: "Scrape") -> "Scrape":
        """What every counter grew by. One that fell was started anew, and grew from nothing."""
        return Scrape({key: _growth(before._values.get(key, 0.0), value) for key, value in self})

    def total(self, name: str, **labels: str) -> float:
        """Sum over every series of ``name`` with these labels."""
        wanted = labels.items()
        return sum(value for (known, has), value in self if known == name and wanted <= has)

    def most(self, name: str) -> float:
        """The largest of every series of ``name``; 0 without one."""
        return max((value for (known, _), value in self if known == name), default=0.0)

    def by(self, name: str, label: str) -> dict[str, float]:
        """Sums of ``name`` for each value of ``label``."""
        sums: defaultdict[str, float] = defaultdict(float)
        for (known, has), value in self:
            if known == name:
                sums[dict(has).get(label, "")] += value
        return dict(sums)

    def quantile(self, name: str, share: float, **labels: str) -> float | None:
        """Linear within its bucket, as Prometheus' histogram_quantile; the last finite bound where it lies beyond.
        None when nothing was observed."""
        counts: defaultdict[float, float] = defaultdict(float)
        wanted = labels.items()
        for (known, has), value in self:
            if known == f"{name}_bucket" and wanted <= has:
                counts[float(dict(has)["le"])] += value
        total = counts.get(math.inf, 0.0)
        if total <= 0:
            return None
        lower, below = 0.0, 0.0
        for bound, count in sorted(counts.items()):
            if count >= share * total:
                if math.isinf(bound):
                    return lower
                return lower + (bound - lower) * (share * total - below) / (count - below)
            lower, below = bound, count
        return lower

    def __iter__(self) -> Iterator[tuple[Key, float]]:
        return iter(self._values.items())


def _growth(before: float, now: float) -> float:
    return now - before if now >= before else now
