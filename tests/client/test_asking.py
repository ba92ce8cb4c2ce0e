"""The typed client against a real gateway: answers and errors are values of declared types."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from client.headwater_client import AuthenticatedClient, Client
from client.headwater_client.api.events import events
from client.headwater_client.api.experiments import create, metrics
from client.headwater_client.api.issuer import token
from client.headwater_client.api.items import delete, put, similar
from client.headwater_client.api.operation import readyz
from client.headwater_client.api.recommendations import explain, rank, recommendations
from client.headwater_client.models import (
    Accepted,
    Action,
    Arm,
    EventIn,
    Experiment,
    ExperimentMetrics,
    Explanation,
    GrantRefused,
    Item,
    ItemIn,
    Problem,
    RankRequest,
    Ready,
    Recommendations,
    RunningExperiment,
    Status,
    Token,
    TokenRequest,
)
from tests.serving.conftest import WithChanges
from tests.serving.running import RunningGateway


@pytest.fixture
def api(gateway: RunningGateway) -> Iterator[AuthenticatedClient]:
    with AuthenticatedClient(gateway.url, gateway.token()) as one:
        yield one


def test_recommendations_are_typed_and_say_what_the_items_are(api: AuthenticatedClient) -> None:
    answer = recommendations.sync(client=api, user_id="nobody", count=3, category="drama")
    assert isinstance(answer, Recommendations)
    assert [item.position for item in answer.items] == [1, 2, 3]
    assert {tuple(item.category or ()) for item in answer.items} == {("drama",)}
    assert all(item.title == f"Item {item.item_id[1:]}" for item in answer.items)
    assert answer.features.state == "missing"


async def test_it_can_be_awaited(gateway: RunningGateway) -> None:
    async with AuthenticatedClient(gateway.url, gateway.token()) as one:
        answer = await similar.asyncio("i7", client=one, count=2)
    assert isinstance(answer, Recommendations)
    assert [item.title for item in answer.items] == [f"Item {item.item_id[1:]}" for item in answer.items]


def test_one_event_and_a_list_are_acknowledged(api: AuthenticatedClient) -> None:
    one = EventIn("typed", "i1", Action.CLICK, event_id="typed-1")
    assert events.sync(client=api, body=one) == Accepted(accepted=1, event_ids=["typed-1"])
    many = events.sync(client=api, body=[EventIn("typed", f"i{n}", Action.VIEW) for n in range(3)])
    assert isinstance(many, Accepted)
    assert many.accepted == 3


def test_a_list_is_ranked_and_an_unknown_item_has_no_title(api: AuthenticatedClient) -> None:
    answer = rank.sync(client=api, body=RankRequest("typed", ["i9", "never-heard-of"]))
    assert isinstance(answer, Recommendations)
    assert [(item.item_id, item.title) for item in answer.items] == [("i9", "Item 9"), ("never-heard-of", None)]


def test_a_new_item_and_a_changed_one_are_both_items(api: AuthenticatedClient) -> None:
    for title, status in (("New", HTTPStatus.CREATED), ("Newer", HTTPStatus.OK)):
        answer = put.sync_detailed("typed item", client=api, body=ItemIn(title=title))
        assert isinstance(answer.parsed, Item)
        assert (answer.status_code, answer.parsed.title) == (status, title)
    assert delete.sync_detailed("typed item", client=api).status_code == HTTPStatus.NO_CONTENT


def test_readiness_needs_no_token(gateway: RunningGateway) -> None:
    with Client(gateway.url) as anybody:
        answer = readyz.sync(client=anybody)
    assert isinstance(answer, Ready)
    assert (answer.status, answer.down) == ("ready", [])


@pytest.mark.parametrize(
    ("scopes", "user_id", "status", "field"),
    [
        (None, "u", HTTPStatus.UNAUTHORIZED, None),
        (["events:write"], "u", HTTPStatus.FORBIDDEN, None),
        (["recommendations:read"], "", HTTPStatus.UNPROCESSABLE_ENTITY, "user_id"),
    ],
)
def test_a_refusal_is_a_problem(
    gateway: RunningGateway, scopes: list[str] | None, user_id: str, status: HTTPStatus, field: str | None
) -> None:
    bearer = "no token of ours" if scopes is None else gateway.token(*scopes)
    with AuthenticatedClient(gateway.url, bearer) as one:
        answer = recommendations.sync_detailed(client=one, user_id=user_id)
    assert answer.status_code == status
    assert isinstance(answer.parsed, Problem)
    assert (answer.parsed.status, answer.parsed.title) == (status, status.phrase)
    assert [error.field for error in answer.parsed.errors or []] == ([field] if field else [])


def test_an_unknown_item_is_a_problem(api: AuthenticatedClient) -> None:
    answer = similar.sync("never heard/of?", client=api)
    assert isinstance(answer, Problem)
    assert answer.detail == "there is no item never heard/of?"


def test_a_limit_is_a_problem_that_says_when_to_ask_again(with_changes: WithChanges) -> None:
    with with_changes(rate_user_per_second=1) as limited, AuthenticatedClient(limited.url, limited.token()) as one:
        answers = [recommendations.sync_detailed(client=one, user_id="eager") for _ in range(4)]
    refused = [answer for answer in answers if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS]
    assert len(refused) == 2
    assert all(isinstance(answer.parsed, Problem) and int(answer.headers["Retry-After"]) >= 1 for answer in refused)


def test_client_credentials_become_a_token(gateway: RunningGateway) -> None:
    known = next(iter(gateway.gateway.issuer.clients.all().values()))
    with Client(gateway.url) as anybody:
        body = TokenRequest("client_credentials", known.client_id, known.client_secret, scope="events:write")
        granted = token.sync(client=anybody, body=body)
        refused = token.sync(client=anybody, body=TokenRequest("client_credentials", known.client_id, "guessed"))
    assert isinstance(granted, Token)
    assert (granted.token_type, granted.scope) == ("Bearer", "events:write")
    assert isinstance(refused, GrantRefused)
    assert refused.error == "invalid_client"


def test_an_explanation_is_typed_down_to_its_stages(api: AuthenticatedClient) -> None:
    answer = explain.sync(client=api, user_id="typed", count=2)
    assert isinstance(answer, Explanation)
    assert answer.user.state == "missing"
    assert [stage.stage for stage in answer.stages][:2] == ["user_row", "arm"]
    assert answer.items[0].title == f"Item {answer.items[0].item_id[1:]}"


def test_an_experiment_is_declared_and_its_figures_are_typed(api: AuthenticatedClient) -> None:
    declared = Experiment("typed", [Arm("control", 0.5), Arm("variant", 0.5)])
    running = create.sync(client=api, body=declared)
    assert isinstance(running, RunningExperiment)
    assert running.status == Status.DRAFT
    figures = metrics.sync("typed", client=api)
    assert isinstance(figures, ExperimentMetrics)
    assert [arm.name for arm in figures.arms] == ["control", "variant"]
    assert figures.comparison.interval == [None, None]
    again = create.sync_detailed(client=api, body=declared)
    assert (again.status_code, type(again.parsed)) == (HTTPStatus.CONFLICT, Problem)
