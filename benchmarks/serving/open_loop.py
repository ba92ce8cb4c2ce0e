"""Open-loop load by Locust's HTTP engine: a request goes out when it is due, whatever became of those before it.

``python -m benchmarks.serving.open_loop URL RATE SECONDS`` reads a JSON object {"headers": {…}, "paths": […]} from
standard input, asks for the paths in turn and writes a JSON list of samples as ``Sample`` has them.
A process of its own, so that the load and what is measured do not share an interpreter.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.errors import UnavailableError

CONNECTIONS = 256
GIVE_UP_SECONDS = 10.0


@dataclass(frozen=True)
class Sample:
    """One answer: ``path`` asked for; ``ms`` from when the request was due to the last byte; ``status`` 0 where none
    came; ``stages`` milliseconds by stage, as ``Server-Timing`` tells; ``degraded`` whether a stage used its fallback;
    ``missing`` whether the user's row was not in the store."""

    path: str
    ms: float
    status: int
    stages: Mapping[str, float]
    degraded: bool
    missing: bool


def load(url: str, rate: float, seconds: float, headers: Mapping[str, str], paths: Sequence[str]) -> list[Sample]:
    """Asks ``url`` for ``paths`` in turn, ``rate`` times a second for ``seconds``. Raises UnavailableError."""
    command = [sys.executable, "-m", "benchmarks.serving.open_loop", url, str(rate), str(seconds)]
    given = json.dumps({"headers": dict(headers), "paths": list(paths)})
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError("the load", done.stderr.strip()[-500:])
    return [Sample(**one | {"stages": _stages(one["stages"])}) for one in json.loads(done.stdout)]


def _stages(timing: str) -> dict[str, float]:
    """``a;dur=1.5, b;dur=2`` by name."""
    pairs = (part.split(";dur=") for part in timing.split(", ") if ";dur=" in part)
    return {name: float(ms) for name, ms in pairs}


def _drive(url: str, rate: float, seconds: float, headers: dict[str, str], paths: list[str]) -> list[dict[str, object]]:
    import gevent  # type: ignore[import-untyped]
    from gevent.pool import Pool  # type: ignore[import-untyped]
    from geventhttpclient import HTTPClient

    client = HTTPClient.from_url(
        url, concurrency=CONNECTIONS, connection_timeout=GIVE_UP_SECONDS, network_timeout=GIVE_UP_SECONDS
    )
    samples: list[dict[str, object]] = []

    def fire(due: float, path: str) -> None:
        status, timing, body = 0, "", b""
        try:
            answer = client.get(path, headers=headers)
            body = answer.read()
            status, timing = answer.status_code, str(answer.get("server-timing", ""))
        except OSError:
            status = 0
        degraded = status == 200 and b'"degraded":[]' not in body
        told = {"status": status, "stages": timing, "degraded": degraded, "missing": b'"state":"missing"' in body}
        samples.append({"path": path, "ms": (time.perf_counter() - due) * 1000, **told})

    pool, begun = Pool(4 * CONNECTIONS), time.perf_counter() + 0.2
    for n in range(int(rate * seconds)):
        due = begun + n / rate
        gevent.sleep(max(due - time.perf_counter(), 0))
        pool.spawn(fire, due, paths[n % len(paths)])
    pool.join()
    client.close()
    return samples


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    drawn = _drive(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), asked["headers"], asked["paths"])
    json.dump(drawn, sys.stdout)
