"""A slot that is drawn at random, its chance logged: what off-policy estimates learn from."""

from dataclasses import replace

from experimentation.assignment import uniform
from pipeline.request import Answer, Request

POOL = 10
"""Items of which the last slot of an exploring answer holds one, each with the same chance: the one that would have
stood there, and those ranked below it."""


def explores(request: Request, share: float) -> bool:
    """Whether the request is in the ``share`` that explores: a hash of its id. Lists that are only ranked never are."""
    return not request.items and uniform("explore", request.request_id) < share


def widened(request: Request) -> Request:
    """The request for as many items as the draw needs."""
    return replace(request, count=request.count + POOL - 1)


def drawn(answer: Answer, request: Request) -> Answer:
    """The answer to ``request`` from the answer to the widened one: the last slot drawn evenly from all from there on.
    Where there are none to draw from it is the answer as it is."""
    kept, pool = answer.items[: request.count - 1], answer.items[request.count - 1 :]
    if not pool:
        return replace(answer, request=request)
    chosen = pool[int(uniform("draw", request.request_id) * len(pool))]
    last = replace(chosen, position=request.count, propensity=1 / len(pool))
    return replace(answer, request=request, items=(*kept, last))
