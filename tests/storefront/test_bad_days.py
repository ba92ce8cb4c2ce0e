"""The page when something behind it fails: always a clear state, and back by itself."""

import time
from dataclasses import replace

from playwright.sync_api import expect

from storefront.credentials import ClientCredentials
from tests.browsing import NARROW, Browse, keep_screenshot
from tests.serving.conftest import WithChanges, World, free_port
from tests.serving.running import RunningGateway, running_gateway
from tests.storefront.running import credentials, running_storefront

CARD = "#row .card[data-item]"


def test_a_gateway_that_goes_down_and_comes_back(world: World, browse: Browse) -> None:
    port = free_port()
    configuration = replace(world.configuration, home=world.configuration.home / "restarted")
    with running_gateway(configuration, port) as gateway:
        auth = credentials(gateway)
    with running_storefront(f"http://127.0.0.1:{port}", auth) as url:
        page = browse(f"{url}/?user=loyal", refusals=True)
        notice = page.locator("#notice")
        expect(notice).to_contain_text("Headwater does not answer")
        keep_screenshot(page, "storefront-down")
        with running_gateway(configuration, port):
            expect(page.locator(CARD)).to_have_count(10)
            expect(notice).to_contain_text("does not know loyal yet")
        page.locator(f"{CARD} button[data-action=click]").first.click()
        expect(notice).to_contain_text("Headwater does not answer")
        expect(page.locator(CARD)).to_have_count(10)
        with running_gateway(configuration, port):
            expect(page.locator("#changes")).to_contain_text("After your click on ")


def test_a_token_that_expires_while_the_page_is_open(with_changes: WithChanges, browse: Browse) -> None:
    ahead = 0.0
    with (
        with_changes(clock=lambda: time.time() + ahead) as gateway,
        running_storefront(gateway.url, credentials(gateway)) as url,
    ):
        page = browse(f"{url}/?user=lingerer")
        expect(page.locator(CARD)).to_have_count(10)
        ahead = 2 * 3600
        page.locator(f"{CARD} button[data-action=similar]").first.click()
        expect(page.locator("#similar-row .card[data-item]")).to_have_count(6)


def test_a_token_that_is_refused(gateway: RunningGateway, browse: Browse) -> None:
    auth = ClientCredentials(f"{gateway.url}/oauth/token", "storefront", "a secret of yesterday")
    with running_storefront(gateway.url, auth) as url:
        page = browse(f"{url}/?user=u", refusals=True)
        expect(page.locator("#notice")).to_contain_text("refuses the storefront a token")
        expect(page.locator("#row .card")).to_have_count(0)


def test_too_many_requests_are_made_again_later(with_changes: WithChanges, browse: Browse) -> None:
    with with_changes(rate_user_per_second=1) as limited, running_storefront(limited.url, credentials(limited)) as url:
        page = browse(f"{url}/?user=hasty", width=NARROW, refusals=True)
        expect(page.locator(CARD)).to_have_count(10)
        page.locator(f"{CARD} button[data-action=click]").first.click()
        expect(page.locator("#notice")).to_contain_text("Too many requests. Asking again in ")
        expect(page.locator("#changes")).to_contain_text("After your click on ")


def test_a_stage_that_fell_back_is_named(with_changes: WithChanges, browse: Browse) -> None:
    with (
        with_changes(model_server=f"127.0.0.1:{free_port()}") as crippled,
        running_storefront(crippled.url, credentials(crippled)) as url,
    ):
        page = browse(f"{url}/?user=u")
        expect(page.locator(CARD)).to_have_count(10)
        expect(page.locator("#notice")).to_contain_text("Answered without: ")
        keep_screenshot(page, "storefront-degraded")


def test_a_wrong_user_id_is_said_and_another_can_be_chosen(storefront: str, browse: Browse) -> None:
    page = browse(f"{storefront}/?user=%07", refusals=True)
    expect(page.locator("#notice")).to_contain_text("user_id")
    page.get_by_label("Show it as").fill("somebody")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(CARD)).to_have_count(10)
