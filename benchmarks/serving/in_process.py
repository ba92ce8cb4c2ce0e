"""The floor of the chain: the same stages called one after another in one process, TensorFlow in it. No HTTP, tokens,
limits, gRPC, impressions or logs; Redis as in the gateway.

``python -m benchmarks.serving.in_process RELEASE`` reads a JSON list of users from standard input and writes a JSON
list of {stage: milliseconds}, in the environment that the stack gives its programs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import redis

from contracts.errors import NotFoundError, UnavailableError
from contracts.settings import Settings
from pipeline.chain import recommendation_chain
from pipeline.request import Request
from pipeline.rules.schema import default_rules
from serving.gateway.arms import RunningArms
from serving.gateway.breaker import Breaker
from serving.gateway.release_loading import ReleaseLoader
from serving.gateway.user_rows import RedisUserRows, connect
from stack.composition import stack_environment

Stages = dict[str, float]
"""Milliseconds of one request by stage."""

SIGNATURE = "serving_default"
WARM_UP = 50
"""Requests that are not counted."""
DEADLINE_SECONDS = 30.0
"""Long enough that no fallback is ever measured."""


def measure(settings: Settings, release: str, users: Sequence[str]) -> list[Stages]:
    """What each stage of each user's request takes. Raises UnavailableError."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.in_process", release],
        env={**os.environ, **stack_environment(settings), "OPENBLAS_NUM_THREADS": "1"},
        input=json.dumps(users),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UnavailableError("the floor", done.stderr.strip()[-500:])
    stages: list[Stages] = json.loads(done.stdout)
    return stages


@dataclass
class InProcessModels:
    """The release's SavedModels run by TensorFlow in this process: no gRPC, one thread as in the model server."""

    models: Path
    _loaded: dict[tuple[str, int], Any] = field(default_factory=dict)

    def predict(
        self,
        model: str,
        version: int,
        inputs: Mapping[str, npt.NDArray[Any]],
        output: str,
        timeout: float,  # noqa: ARG002
    ) -> npt.NDArray[Any]:
        """See ``Models``."""
        array: npt.NDArray[Any] = self._model(model, version).run(SIGNATURE, inputs)[output]
        return array

    def input_widths(self, model: str, version: int, timeout: float) -> dict[str, int]:  # noqa: ARG002
        """See ``Models``."""
        inputs = self._model(model, version).signatures[SIGNATURE].inputs
        return {name: info.tensor_shape.dim[-1].size for name, info in inputs.items()}

    def _model(self, model: str, version: int) -> Any:
        from serving.model_server.saved_model import LoadedModel  # brings TensorFlow, which a release may do without

        if (model, version) not in self._loaded:
            directory = self.models / model / str(version)
            if not directory.is_dir():
                raise NotFoundError(f"{directory} is missing")
            self._loaded[model, version] = LoadedModel(directory)
        return self._loaded[model, version]


def _measure(settings: Settings, release: str, users: Sequence[str]) -> list[Stages]:
    store = settings.releases
    loaded = ReleaseLoader(store, InProcessModels(store / release / "models"), settings.home).load(release)
    served = loaded.served(loaded.artifacts.items, (), default_rules())
    client = connect(settings.redis_url, DEADLINE_SECONDS)
    breaker = Breaker("redis", (redis.RedisError, OSError))
    rows = RedisUserRows(client, breaker, (release,), settings.user_stale_seconds)
    chain = recommendation_chain(rows, RunningArms(served, (), {}), deadline=DEADLINE_SECONDS)
    clock = settings.now()
    answers = [chain.run(Request("floor", user, clock(), 10)) for user in (*users[:WARM_UP], *users)]
    client.close()
    return [{stage.stage: stage.milliseconds for stage in answer.stages} for answer in answers[WARM_UP:]]


if __name__ == "__main__":
    json.dump(_measure(Settings(), sys.argv[1], json.load(sys.stdin)), sys.stdout)
