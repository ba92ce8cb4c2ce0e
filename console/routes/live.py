"""What runs, and how it answers now."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from console.access import ConsoleOf, Reader
from console.parts import look
from console.watch import KEPT_SECONDS

router = APIRouter(prefix="/api")

Seconds = Annotated[float, Query(gt=0, le=KEPT_SECONDS)]


@router.get("/parts")
def parts(console: ConsoleOf, _: Reader) -> list[dict[str, Any]]:
    """Every part, asked now."""
    return look(console.parts)


@router.get("/gateway")
async def gateway(console: ConsoleOf, _: Reader, seconds: Seconds = 60.0) -> dict[str, Any]:
    """Requests, times and degradation of the last seconds."""
    return console.gateway.over(seconds)


@router.get("/consumer")
async def consumer(console: ConsoleOf, _: Reader, seconds: Seconds = 60.0) -> dict[str, Any]:
    """Lag and freshness of the last seconds."""
    return console.consumer.over(seconds)
