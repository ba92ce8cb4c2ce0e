"""What the chain is compared with: the same stages in one process, and an answer that only had to be fetched."""

import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import redis
import redis.asyncio
import uvicorn

from contracts.errors import NotFoundError, UnavailableError
from contracts.settings import Settings
from pipeline.chain import recommendation_chain
from pipeline.request import Answer, Request
from pipeline.rules.schema import default_rules
from serving.gateway.arms import RunningArms
from serving.gateway.breaker import Breaker
from serving.gateway.release_loading import ReleaseLoader
from serving.gateway.user_rows import RedisUserRows, connect

SIGNATURE = "serving_default"
START_SECONDS = 20.0
FLOOR_DEADLINE_SECONDS = 30.0
"""Long enough that no fallback is ever measured."""


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


def in_process(settings: Settings, release_id: str, users: Sequence[str], warm_up: int = 50) -> list[Answer]:
    """The stages called one after another for each of ``users``, the first ``warm_up`` not counted. No HTTP, tokens,
    limits, gRPC, impressions or logs; Redis as in the gateway."""
    store = settings.releases
    loaded = ReleaseLoader(store, InProcessModels(store / release_id / "models")).load(release_id)
    served = loaded.served(loaded.artifacts.items, (), default_rules())
    client = connect(settings.redis_url, FLOOR_DEADLINE_SECONDS)
    rows = RedisUserRows(
        client, Breaker("redis", (redis.RedisError, OSError)), (release_id,), settings.user_stale_seconds
    )
    chain = recommendation_chain(rows, RunningArms(served, (), {}), deadline=FLOOR_DEADLINE_SECONDS)
    clock = settings.now()
    answers = [chain.run(Request("floor", user, clock(), 10)) for user in (*users[:warm_up], *users)]
    client.close()
    return answers[warm_up:]


def spent_ms(answers: Sequence[Answer]) -> list[float]:
    """Milliseconds of each answer: its stages added up."""
    return [sum(stage.milliseconds for stage in answer.stages) for answer in answers]


def cached_answers(redis_url: str) -> Callable[[dict[str, Any], Any, Any], Awaitable[None]]:
    """An ASGI application that answers every request with what stands in Redis under its query: the best that a
    service of ready-made answers can do behind the same HTTP server."""
    cache = redis.asyncio.Redis.from_url(redis_url)

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        body = await cache.get(key_of(scope["query_string"].decode()))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body or b"")).encode())]
        await send({"type": "http.response.start", "status": 200 if body else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body or b""})

    return answer


def key_of(query: str) -> str:
    """Where the answer to a query stands."""
    return f"bench:cached:{query}"


@contextmanager
def cached_service(redis_url: str, answers: Mapping[str, bytes]) -> Iterator[str]:
    """The address of a running service of ``answers``, query → body, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys: dict[str | bytes, bytes | float | int | str] = {key_of(query): body for query, body in answers.items()}
    with redis.Redis.from_url(redis_url) as client:
        client.mset(keys)
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.serving.floors", str(port), redis_url])
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
            client.delete(*keys)


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            if time.monotonic() > end:
                raise UnavailableError("the service of cached answers", "it did not start") from error
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    uvicorn.run(
        cached_answers(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="warning", lifespan="off"
    )
