"""The page in a real Chromium, over a real gateway, consumer and model server."""

from typing import Literal

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browsing import NARROW, WIDE, Browse, keep_screenshot
from tests.serving.conftest import SECOND, World
from tests.serving.running import RunningGateway, wait_until

CARDS = 10
MARKUP = "<img src=x onerror=alert(1)><b>Item 0</b>"
SHIFT = """() => new Promise((resolve) => new PerformanceObserver((list) =>
  resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))
).observe({type: "layout-shift", buffered: true}) || setTimeout(() => resolve(0), 200))"""
"""How much of the page moved without being asked to: Chromium's cumulative layout shift."""


def cards(page: Page) -> list[str]:
    """Ids of the items in the row, once it is filled."""
    expect(page.locator("#row .card[data-item]")).to_have_count(CARDS)
    return [str(card.get_attribute("data-item")) for card in page.locator("#row .card").all()]


def press(page: Page, item: str, action: str) -> None:
    page.locator(f'#row .card[data-item="{item}"] button[data-action="{action}"]').click()


def test_a_newcomer_is_welcomed_and_becomes_a_visitor(storefront: str, browse: Browse) -> None:
    page = browse(storefront)
    expect(page.get_by_role("heading", name="Nobody is signed in")).to_be_visible()
    expect(page.locator("#profile")).to_be_hidden()
    page.get_by_role("button", name="New visitor").click()
    assert cards(page)
    expect(page.locator("#notice")).to_contain_text("does not know visitor-")
    expect(page.locator("#profile")).to_have_text("none yet")
    assert "?user=visitor-" in page.url
    page.go_back()
    expect(page.locator("#known-users button")).to_have_count(1)


def test_a_card_tells_what_the_item_is_and_why_it_is_there(storefront: str, browse: Browse) -> None:
    page = browse(f"{storefront}/?user=onlooker")
    first = page.locator(f'#row .card[data-item="{cards(page)[1]}"]')
    expect(first.locator("h3")).to_have_text(f"Item {cards(page)[1][1:]}")
    expect(first.locator(".position")).to_have_text("2")
    expect(first.locator(".category")).not_to_be_empty()
    expect(first.locator(".reason")).to_contain_text("opular")
    assert first.locator(".sources li").count() >= 1


@pytest.mark.usefixtures("consumer")
@pytest.mark.parametrize(("action", "deed"), [("click", "click on"), ("purchase", "purchase of")])
def test_an_action_changes_the_row_by_itself(storefront: str, browse: Browse, action: str, deed: str) -> None:
    page = browse(f"{storefront}/?user=eager-{action}")
    acted = cards(page)[0]
    press(page, acted, action)
    expect(page.locator("#profile")).to_contain_text("fresh")
    expect(page.locator("#changes")).to_contain_text(f"After your {deed} ")
    expect(page.locator("#changes")).to_contain_text("gone: ")
    now = cards(page)
    assert acted not in now
    assert page.locator('.card[data-mark="new"]').count() >= 1
    assert f"Item {acted[1:]}" in page.locator("#row").inner_text()


@pytest.mark.usefixtures("consumer")
def test_a_late_answer_never_fills_the_dialog_of_another_item(storefront: str, browse: Browse) -> None:
    page = browse(f"{storefront}/?user=impatient")
    slow, quick = cards(page)[:2]
    held: list[Route] = []
    page.route(f"**/api/items/{slow}/similar*", lambda route: held.append(route))
    press(page, slow, "similar")
    page.locator("#close-similar").click()
    press(page, quick, "similar")
    found = page.locator("#similar-row .card[data-item]")
    expect(found).to_have_count(6)
    before = [card.get_attribute("data-item") for card in found.all()]
    others = {"items": [{"item_id": "late", "position": 1, "score": 1, "sources": [], "reasons": [], "category": []}]}
    with page.expect_response(f"**/api/items/{slow}/similar*"):
        held[0].fulfill(json=others)
    page.wait_for_timeout(200)
    assert [card.get_attribute("data-item") for card in found.all()] == before
    expect(page.locator("#similar-heading")).to_have_text(f"Similar to Item {quick[1:]}")


def test_similar_items_open_and_can_be_acted_on(storefront: str, browse: Browse) -> None:
    page = browse(f"{storefront}/?user=comparer")
    press(page, cards(page)[2], "similar")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".card[data-item]")).to_have_count(6)
    keep_screenshot(page, "storefront-similar")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    press(page, cards(page)[2], "similar")
    dialog.locator(".card[data-item] button[data-action=click]").first.click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#profile")).to_contain_text("fresh")


@pytest.mark.usefixtures("consumer")
def test_it_is_usable_by_keyboard_alone(storefront: str, browse: Browse) -> None:
    page = browse(storefront)
    page.keyboard.press("Tab")
    page.keyboard.type("typist")
    page.keyboard.press("Enter")
    cards(page)
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#profile")).to_contain_text("fresh")
    assert page.evaluate("document.activeElement.dataset.action") == "click"


def test_markup_in_a_title_stays_text(gateway: RunningGateway, storefront: str, browse: Browse) -> None:
    assert gateway.put("/v1/items/i0", json={"title": MARKUP, "category": ["<i>comedy</i>"]}).status_code == 200
    page = browse(f"{storefront}/?user=careful")
    card = page.locator('#row .card[data-item="i0"]')
    expect(card.locator("h3")).to_have_text(MARKUP)
    expect(card.locator(".category")).to_have_text("<i>comedy</i>")
    assert page.locator("#row img, #row b, #row i").count() == 0
    press(page, "i0", "similar")
    expect(page.locator("#similar-heading")).to_have_text(f"Similar to {MARKUP}")


def test_an_old_tab_goes_on_after_a_release_swap(
    world: World, gateway: RunningGateway, storefront: str, browse: Browse
) -> None:
    page = browse(f"{storefront}/?user=patient")
    chosen = cards(page)[0]
    before = page.locator("#release").inner_text()
    world.publish(SECOND)
    world.point(SECOND)
    wait_until(lambda: gateway.recommend("patient")["release"] == SECOND)
    press(page, chosen, "click")
    expect(page.locator("#release")).to_have_text(SECOND)
    expect(page.locator("#notice")).to_have_text(f"A new release answers now: {SECOND} instead of {before}.")


@pytest.mark.usefixtures("consumer")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_it_fits_and_nothing_jumps(
    storefront: str, browse: Browse, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = browse(f"{storefront}/?user=viewer-{width}-{scheme}", width=width, scheme=scheme)
    press(page, cards(page)[1], "click")
    expect(page.locator("#profile")).to_contain_text("fresh")
    assert page.evaluate(SHIFT) < 0.02
    assert page.evaluate("document.documentElement.scrollWidth") == width
    keep_screenshot(page, f"storefront-{width}-{scheme}")
