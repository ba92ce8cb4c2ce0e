"""``headwater bench soak``: half an hour of load with a new champion every minute: no failed request, memory flat.

Two made releases take turns, each with its models loaded by the model server when it comes and unloaded when it goes.
``--minutes`` and ``--swap-seconds`` shorten it.
"""

import argparse
import sys
import threading
import time

import numpy as np

from benchmarks.result import Figure
from benchmarks.serving.bench import Gateway, failed, path_of, with_unknown
from benchmarks.serving.gateway_process import memory_mib
from benchmarks.serving.made_world import MadeWorld, made_users, made_world
from benchmarks.serving.open_loop import Sample
from contracts.errors import UnavailableError
from contracts.settings import Settings

USERS = 5_000
SETTLED = 0.4
"""The share of the run after which memory is taken for settled: both releases were loaded several times."""
PROGRAMS = ("gateway", "model_server")


class Memory:
    """What the gateway and the model server hold, MiB, sample by sample."""

    def __init__(self, settings: Settings) -> None:
        self._ports = dict(zip(PROGRAMS, (settings.gateway_port, settings.model_server_port), strict=True))
        self.samples: dict[str, list[float]] = {name: [] for name in PROGRAMS}

    def look(self) -> None:
        """Takes one sample."""
        for name, port in self._ports.items():
            self.samples[name].append(memory_mib(port))

    def figures(self) -> list[Figure]:
        """The mean of the last fifth of each program, beside that of as many samples once it had settled."""
        found = []
        for name, samples in self.samples.items():
            part, start = max(len(samples) // 5, 1), int(len(samples) * SETTLED)
            settled, end = np.mean(samples[start : start + part]), np.mean(samples[-part:])
            found.append(Figure(f"soak_{name}_mib", float(end), "MiB", "once settled", float(settled)))
        return found


def run(argv: list[str]) -> list[Figure]:
    """The figures. Raises UnavailableError where a server does not start or the load fails."""
    parser = argparse.ArgumentParser(prog="headwater bench soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=30.0, help="requests a second")
    parser.add_argument("--swap-seconds", type=float, default=60.0)
    parser.add_argument("--items", type=int, default=10_000)
    chosen = parser.parse_args(argv)
    with made_world(Settings().home, chosen.items, releases=2) as world:
        random = np.random.default_rng(7)
        paths = [path_of(user) for user in with_unknown(made_users(USERS, random), random)]
        memory, samples = Memory(world.settings), _Load(world.settings, chosen.rate, chosen.minutes * 60, paths)
        samples.start()
        swaps = _swap_until(samples, world, memory, chosen.swap_seconds)
        return [
            Figure("soak_requests", float(len(samples.taken)), "requests"),
            Figure("soak_failed", float(failed(samples.taken)), "requests"),
            Figure("soak_degraded_share", float(np.mean([one.degraded for one in samples.taken])), "share"),
            Figure("soak_p99_ms", float(np.percentile([one.ms for one in samples.taken], 99)), "ms"),
            Figure("soak_swaps", float(swaps), "releases that came into force"),
            *memory.figures(),
        ]


class _Load(threading.Thread):
    """The load beside the swaps. ``taken`` holds its samples once it has ended."""

    def __init__(self, settings: Settings, rate: float, seconds: float, paths: list[str]) -> None:
        super().__init__(name="load", daemon=True)
        self.gateway, self.taken = Gateway(settings), list[Sample]()
        self._asked = (rate, seconds, paths)

    def run(self) -> None:
        self.taken = self.gateway.samples(*self._asked)


def _swap_until(load: _Load, world: MadeWorld, memory: Memory, seconds: float) -> int:
    """Moves the champion every ``seconds`` while ``load`` runs. Returns how often the gateway followed."""
    swaps, (here, there) = 0, world.releases
    while True:
        load.join(seconds)
        memory.look()
        if not load.is_alive():
            break
        world.point(there)
        _wait_until_in_force(load, there)
        world.take_away(here)
        here, there, swaps = there, here, swaps + 1
        sys.stderr.write(f"swap {swaps}\n")
    if not load.taken:
        raise UnavailableError("the load", "it ended without a sample")
    return swaps


def _wait_until_in_force(load: _Load, release_id: str) -> None:
    while load.is_alive() and load.gateway.answer(path_of("user0")).json()["release"] != release_id:
        time.sleep(0.5)
