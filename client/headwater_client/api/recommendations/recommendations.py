from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.recommendations import Recommendations
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    user_id: str,
    count: int | Unset = 10,
    surface: None | str | Unset = UNSET,
    category: None | str | Unset = UNSET,
    exclude: list[str] | None | Unset = UNSET,
    x_force_arm: None | str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_force_arm, Unset):
        headers["X-Force-Arm"] = x_force_arm

    params: dict[str, Any] = {}

    params["user_id"] = user_id

    params["count"] = count

    json_surface: None | str | Unset
    if isinstance(surface, Unset):
        json_surface = UNSET
    else:
        json_surface = surface
    params["surface"] = json_surface

    json_category: None | str | Unset
    if isinstance(category, Unset):
        json_category = UNSET
    else:
        json_category = category
    params["category"] = json_category

    json_exclude: list[str] | None | Unset
    if isinstance(exclude, Unset):
        json_exclude = UNSET
    elif isinstance(exclude, list):
        json_exclude = exclude

    else:
        json_exclude = exclude
    params["exclude"] = json_exclude

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/recommendations",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | Recommendations | None:
    if response.status_code == 200:
        response_200 = Recommendations.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = Problem.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | Recommendations]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    user_id: str,
    count: int | Unset = 10,
    surface: None | str | Unset = UNSET,
    category: None | str | Unset = UNSET,
    exclude: list[str] | None | Unset = UNSET,
    x_force_arm: None | str | Unset = UNSET,
) -> Response[Problem | Recommendations]:
    """Recommendations

     Items for a user, computed fresh: never empty, never an item that the user has met.

    Args:
        user_id (str):
        count (int | Unset):  Default: 10.
        surface (None | str | Unset): where the answer is shown
        category (None | str | Unset): items of this category only
        exclude (list[str] | None | Unset): item ids, repeatable
        x_force_arm (None | str | Unset): id=arm, for tests; not analysed

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Recommendations]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        count=count,
        surface=surface,
        category=category,
        exclude=exclude,
        x_force_arm=x_force_arm,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    user_id: str,
    count: int | Unset = 10,
    surface: None | str | Unset = UNSET,
    category: None | str | Unset = UNSET,
    exclude: list[str] | None | Unset = UNSET,
    x_force_arm: None | str | Unset = UNSET,
) -> Problem | Recommendations | None:
    """Recommendations

     Items for a user, computed fresh: never empty, never an item that the user has met.

    Args:
        user_id (str):
        count (int | Unset):  Default: 10.
        surface (None | str | Unset): where the answer is shown
        category (None | str | Unset): items of this category only
        exclude (list[str] | None | Unset): item ids, repeatable
        x_force_arm (None | str | Unset): id=arm, for tests; not analysed

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Recommendations
    """

    return sync_detailed(
        client=client,
        user_id=user_id,
        count=count,
        surface=surface,
        category=category,
        exclude=exclude,
        x_force_arm=x_force_arm,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    user_id: str,
    count: int | Unset = 10,
    surface: None | str | Unset = UNSET,
    category: None | str | Unset = UNSET,
    exclude: list[str] | None | Unset = UNSET,
    x_force_arm: None | str | Unset = UNSET,
) -> Response[Problem | Recommendations]:
    """Recommendations

     Items for a user, computed fresh: never empty, never an item that the user has met.

    Args:
        user_id (str):
        count (int | Unset):  Default: 10.
        surface (None | str | Unset): where the answer is shown
        category (None | str | Unset): items of this category only
        exclude (list[str] | None | Unset): item ids, repeatable
        x_force_arm (None | str | Unset): id=arm, for tests; not analysed

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Recommendations]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        count=count,
        surface=surface,
        category=category,
        exclude=exclude,
        x_force_arm=x_force_arm,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    user_id: str,
    count: int | Unset = 10,
    surface: None | str | Unset = UNSET,
    category: None | str | Unset = UNSET,
    exclude: list[str] | None | Unset = UNSET,
    x_force_arm: None | str | Unset = UNSET,
) -> Problem | Recommendations | None:
    """Recommendations

     Items for a user, computed fresh: never empty, never an item that the user has met.

    Args:
        user_id (str):
        count (int | Unset):  Default: 10.
        surface (None | str | Unset): where the answer is shown
        category (None | str | Unset): items of this category only
        exclude (list[str] | None | Unset): item ids, repeatable
        x_force_arm (None | str | Unset): id=arm, for tests; not analysed

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Recommendations
    """

    return (
        await asyncio_detailed(
            client=client,
            user_id=user_id,
            count=count,
            surface=surface,
            category=category,
            exclude=exclude,
            x_force_arm=x_force_arm,
        )
    ).parsed
