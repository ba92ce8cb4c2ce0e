"""The lake sink as people run it, ``headwater stream sink``, into a lake of its own: once with news, once without."""

import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.result import Figure
from contracts.errors import HeadwaterError
from contracts.settings import Settings
from contracts.topics import EVENTS


def _sink(environment: dict[str, str]) -> tuple[float, int]:
    """Seconds of one run and rows that it inserted. Raises HeadwaterError when it fails."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "cli", "stream", "sink", "--json"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HeadwaterError(f"headwater stream sink failed: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - begun, sum(report["inserted"] for report in json.loads(done.stdout))


def figures(settings: Settings, prefix: str, count: int, baseline: str, decoding: float) -> list[Figure]:
    """Rows a second of a run over ``count`` events, Spark's start included, and seconds of a run over nothing new."""
    with tempfile.TemporaryDirectory(dir=settings.home) as home:
        environment = {
            "HEADWATER_HOME": home,
            "HEADWATER_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "HEADWATER_TOPIC_PREFIX": prefix,
        }
        seconds, inserted = _sink(environment)
        empty_seconds, _ = _sink(environment)
    if inserted != count:
        raise HeadwaterError(f"{inserted} of {count} messages of {EVENTS.address(prefix)} reached the lake")
    return [
        Figure("sink_rows_per_second", inserted / seconds, "rows/s", baseline, decoding),
        Figure("sink_empty_seconds", empty_seconds, "s"),
    ]
