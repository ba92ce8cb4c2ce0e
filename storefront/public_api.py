"""What the storefront asks of Headwater, through the typed client."""

from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from client.headwater_client import AuthenticatedClient
from client.headwater_client.api.events import events
from client.headwater_client.api.items import similar
from client.headwater_client.api.recommendations import recommendations
from client.headwater_client.models import Accepted, EventIn, Problem, Recommendations
from client.headwater_client.types import Response
from contracts.requests import FieldError
from storefront.credentials import TokenRefusedError

TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 2
SURFACE = "storefront"

T = TypeVar("T")


class RefusalError(Exception):
    """Why there is no answer: an HTTP status for the page, a sentence, and when to try again."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: list[FieldError] | None = None,
        retry_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors or []
        self.retry_seconds = retry_seconds


class PublicApi:
    """The gateway at ``url``, asked with ``auth``. Every method raises RefusalError."""

    def __init__(self, url: str, auth: httpx.Auth) -> None:
        timeout = httpx.Timeout(TIMEOUT_SECONDS)
        self._client = AuthenticatedClient(url, token="", timeout=timeout, httpx_args={"auth": auth})

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.get_async_httpx_client().aclose()

    async def recommendations(self, user_id: str, count: int) -> Recommendations:
        """Items for a user, computed now."""
        return await _answer(
            recommendations.asyncio_detailed(client=self._client, user_id=user_id, count=count, surface=SURFACE)
        )

    async def similar(self, item_id: str, count: int) -> Recommendations:
        """Items like one item."""
        return await _answer(similar.asyncio_detailed(item_id, client=self._client, count=count))

    async def send(self, event: EventIn) -> Accepted:
        """One event, acknowledged by Kafka."""
        return await _answer(events.asyncio_detailed(client=self._client, body=event))


async def _answer(asking: Coroutine[Any, Any, Response[Problem | T]]) -> T:
    try:
        answer = await asking
    except TokenRefusedError as error:
        raise RefusalError(HTTPStatus.BAD_GATEWAY, str(error)) from error
    except httpx.HTTPError as error:
        raise RefusalError(
            HTTPStatus.SERVICE_UNAVAILABLE, "Headwater does not answer, try again", retry_seconds=RETRY_SECONDS
        ) from error
    except (ValueError, KeyError) as error:
        raise RefusalError(HTTPStatus.BAD_GATEWAY, "what answers at the gateway's address is not Headwater") from error
    if isinstance(answer.parsed, Problem):
        raise _refusal(answer.status_code, answer.parsed, answer.headers.get("Retry-After", ""))
    if answer.parsed is None:
        raise RefusalError(HTTPStatus.BAD_GATEWAY, f"Headwater answered with status {answer.status_code}")
    return answer.parsed


def _refusal(status: HTTPStatus, problem: Problem, retry_after: str) -> RefusalError:
    """The gateway's refusal as the page sees it: one of the storefront's own token is no fault of the person's."""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return RefusalError(HTTPStatus.BAD_GATEWAY, f"the gateway refuses the storefront's token: {problem.detail}")
    fields = [FieldError(field=error.field, message=error.message) for error in problem.errors or []]
    return RefusalError(status, str(problem.detail), fields, int(retry_after) if retry_after.isdigit() else None)
