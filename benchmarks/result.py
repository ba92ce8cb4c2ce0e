"""One figure of a benchmark, beside its baseline of the same run."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Figure:
    """A measured ``value`` in ``unit``; ``baseline`` names what ``baseline_value`` was measured on in the same run."""

    name: str
    value: float
    unit: str
    baseline: str | None = None
    baseline_value: float | None = None

    @property
    def ratio(self) -> float | None:
        """``value / baseline_value``; None without a baseline."""
        return self.value / self.baseline_value if self.baseline_value else None

    def as_json(self) -> dict[str, Any]:
        """The form that ``--json`` writes."""
        return asdict(self) | {"ratio": self.ratio}


def percentiles(
    name: str, samples_ms: Sequence[float], baseline: str | None = None, floor: Sequence[float] = ()
) -> list[Figure]:
    """p50, p95 and p99 of ``samples_ms`` as ``<name>_p50_ms`` …, each beside the same percentile of ``floor``."""
    figures = []
    for q in (50, 95, 99):
        base = float(np.percentile(floor, q)) if len(floor) else None
        figures.append(Figure(f"{name}_p{q}_ms", float(np.percentile(samples_ms, q)), "ms", baseline, base))
    return figures


def machine() -> str:
    """Cores and memory of this machine, as every benchmark prints them first."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB"


def with_stolen_share(name: str, run: Callable[[], Sequence[Figure]], times: Callable[[], Any]) -> list[Figure]:
    """The figures of ``run``, and after them the share of the cores' time in which there was work for them and the host
    ran somebody else's: above a hundredth or two, latencies say little. ``times`` gives ``psutil.cpu_times()``."""
    before = times()
    figures = list(run())
    after = times()
    spent = sum(after) - sum(before)
    stolen = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    return [*figures, Figure(f"{name}_stolen_share", stolen / spent if spent else 0.0, "of the cores' time")]
