"""What the chain is compared with: an answer that only had to be fetched.

``python -m benchmarks.serving.cached PORT REDIS_URL`` serves it.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
import uvicorn

from contracts.errors import UnavailableError

START_SECONDS = 20.0


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
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.serving.cached", str(port), redis_url])
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
