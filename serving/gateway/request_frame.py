"""What surrounds every request: its id, the size and time of its body, its headers, its log line and its counters."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from serving.gateway import metrics
from serving.gateway.problems import problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger("serving.gateway.access")

BODY_LIMIT = 1_048_576
"""Bytes of the largest body taken."""

BODY_SECONDS = 10.0
"""How long a client may take to send its body."""

UNMATCHED = "unmatched"


class RequestFrame:
    """ASGI middleware. Leaves in ``scope["state"]``: ``request_id``, ``timings`` (stage → ms, for ``Server-Timing``),
    ``headers`` (to be added to the answer) and ``log`` (fields of the log line); routes fill the last three."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "timings": {}, "headers": {}, "log": {}}
        status = 500

        async def framed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                spent = (time.perf_counter() - started) * 1000
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                timings = {**state["timings"], "total": spent}
                headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.2f}" for name, ms in timings.items())
                for name, value in state["headers"].items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            _check_length(scope)
            await self._app(scope, _bounded(receive), framed_send)
        except HTTPException as error:
            await problem(error.status_code, error.detail, headers={"Connection": "close"})(scope, receive, framed_send)
        finally:
            self._record(scope, status, time.perf_counter() - started, state)

    @staticmethod
    def _record(scope: Scope, status: int, seconds: float, state: dict[str, Any]) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        metrics.REQUESTS.labels(route, scope["method"] if route != UNMATCHED else "-", status).inc()
        metrics.LATENCY.labels(route).observe(seconds)
        level = log.warning if status >= 500 else log.info
        level(
            "request",
            request_id=state["request_id"],
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            **state["log"],
        )


def _check_length(scope: Scope) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > BODY_LIMIT:
            raise HTTPException(413, f"a body may have {BODY_LIMIT} bytes")


def _bounded(receive: Receive) -> Receive:
    """Refuses a body that grows too large, or comes too slowly."""
    taken, ended, deadline = 0, False, time.monotonic() + BODY_SECONDS

    async def bounded() -> Message:
        nonlocal taken, ended
        if ended:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(deadline - time.monotonic(), 0.001))
        except TimeoutError as error:
            raise HTTPException(408, f"the body did not arrive within {BODY_SECONDS:.0f} seconds") from error
        taken += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if taken > BODY_LIMIT:
            raise HTTPException(413, f"a body may have {BODY_LIMIT} bytes")
        return message

    return bounded
