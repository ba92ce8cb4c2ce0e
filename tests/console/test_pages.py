"""The console as an operator sees it, in a real Chromium."""

import json
import time
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, Route, expect

from console.access import COOKIE
from serving.auth.scopes import ADMIN, RECOMMENDATIONS_READ, SCOPES
from tests.browsing import NARROW, WIDE, Browse, keep_screenshot
from tests.console.filled import MARKUP
from tests.console.running import RunningConsole, alone, running_console
from tests.serving.conftest import SECOND, THIRD, free_port

FIGURES_MILLISECONDS = 20_000
PANELS = {
    "live": ["Answers", "Freshness", "Stages", "Parts"],
    "releases": ["Releases", "Side by side", "In force"],
    "experiments": ["Declared, newest first"],
    "experiments/x1": ["x1"],
    "users/u1": ["Explained"],
    "quality": ["Quarantine", "Dropped by rule", "Late days", "Drift", "Reports"],
}
SHOWS = {
    "live": ["Recommendation p95", "Lag, messages", "candidates", "of 11 parts"],
    "releases": ["champion", "over champion", "must be above", "move champion"],
    "experiments": ["x1", "running", "1–1 of 1"],
    "experiments/x1": ["variant against control", "clicks_per_user", "started", "Report for everyone"],
    "users/u1": ["What they get", "user_row", "Item"],
    "quality": ["unknown_action", "bot_rhythm", "2026-03-29", "1 of 2 figures moved", "2026-03-28.html"],
}


def sign_in(page: Page, token: str) -> None:
    box = page.get_by_role("dialog")
    box.get_by_label("Token").fill(token)
    box.get_by_label("Token").press("Enter")
    expect(box).to_have_count(0)


def opened(browse: Browse, console: RunningConsole, view: str, *scopes: str, **options: object) -> Page:
    page = browse(f"{console.url}/#/{view}", **options)
    sign_in(page, console.token(*(scopes or SCOPES)))
    return page


@pytest.mark.parametrize("view", PANELS)
@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")])
def test_every_view_shows_what_it_promises(
    browse: Browse, whole: RunningConsole, view: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = opened(browse, whole, view, width=width, scheme=scheme)
    main = page.locator("main")
    for text in SHOWS[view]:
        expect(main).to_contain_text(text, timeout=FIGURES_MILLISECONDS)
    for title in PANELS[view]:
        expect(page.locator(".panel h2", has_text=title).first).to_be_visible()
    expect(main).not_to_contain_text("Loading")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("main img")).to_have_count(0)
    keep_screenshot(page, f"console-{view.replace('/', '-')}-{width}-{scheme}")


def test_promote_asks_first_and_says_what_will_change(browse: Browse, whole: RunningConsole) -> None:
    page = opened(browse, whole, "releases")
    before = whole.get("/api/pointers")
    assert before["champion"] == THIRD
    row = page.get_by_role("row").filter(has_text=SECOND).first
    row.get_by_role("button", name="Promote…").click()
    box = page.get_by_role("dialog", name="Promote a release")
    expect(box).to_contain_text(f"champion {THIRD} → {SECOND}")
    keep_screenshot(page, "console-promote-1280-light")
    page.keyboard.press("Escape")
    assert whole.get("/api/pointers")["revision"] == before["revision"]
    row.get_by_role("button", name="Promote…").click()
    box.get_by_label("Why").fill("the test says so")
    box.get_by_role("button", name="Promote", exact=True).click()
    expect(row.locator(".tag", has_text="champion")).to_be_visible()
    expect(page.locator("main")).to_contain_text("the test says so")
    assert whole.get("/api/pointers")["champion"] == SECOND
    page.get_by_role("button", name="Roll back…").click()
    box = page.get_by_role("dialog", name="Roll back")
    expect(box).to_contain_text(f"champion {SECOND} → {THIRD}")
    box.get_by_label("Why").fill("and back")
    box.get_by_role("button", name="Roll back", exact=True).click()
    expect(box).to_have_count(0)
    assert whole.get("/api/pointers")["champion"] == THIRD


def test_a_tab_that_slept_through_a_swap_is_told_and_moves_nothing(browse: Browse, whole: RunningConsole) -> None:
    page = opened(browse, whole, "releases", refusals=True)
    row = page.get_by_role("row").filter(has_text=SECOND).first
    row.get_by_role("button", name="Promote…").click()
    for release_id in (SECOND, THIRD):
        body = {"why": "another tab", "seen": whole.get("/api/pointers")["revision"]}
        assert whole.client.post(f"/api/releases/{release_id}/promote", json=body).status_code == 200
    revision = whole.get("/api/pointers")["revision"]
    box = page.get_by_role("dialog")
    box.get_by_label("Why").fill("too late")
    box.get_by_role("button", name="Promote", exact=True).click()
    expect(box.get_by_role("alert")).to_contain_text(f"the champion is {THIRD} by now")
    expect(page.locator("main")).to_contain_text("another tab")
    assert whole.get("/api/pointers")["revision"] == revision


def test_a_token_that_expires_asks_to_sign_in_again_and_keeps_the_page(browse: Browse, whole: RunningConsole) -> None:
    page = opened(browse, whole, "live", refusals=True)
    expect(page.locator("main")).to_contain_text("Recommendation p95", timeout=FIGURES_MILLISECONDS)
    page.context.add_cookies([{"name": COOKIE, "value": whole.token(ADMIN, seconds=-60), "url": whole.url}])
    box = page.get_by_role("dialog", name="Sign in again")
    expect(box).to_contain_text("expired")
    expect(page.locator("main")).to_contain_text("Recommendation p95")
    keep_screenshot(page, "console-expired-1280-light")
    sign_in(page, whole.token(ADMIN))
    expect(page.locator(".panel.stale")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Recommendation p95")


def test_who_may_only_look_sees_no_button_that_changes(browse: Browse, whole: RunningConsole) -> None:
    page = opened(browse, whole, "releases", RECOMMENDATIONS_READ, refusals=True)
    expect(page.locator("main")).to_contain_text("A token of scope admin may promote and roll back.")
    expect(page.get_by_role("button", name="Promote…")).to_have_count(0)
    page.goto(f"{whole.url}/#/users/u1")
    expect(page.locator("main")).to_contain_text("the token lacks the scope admin")


def test_the_keyboard_reaches_everything(browse: Browse, whole: RunningConsole) -> None:
    page = opened(browse, whole, "live")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Releases", level=1)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("look into a user")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("gr?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="User gr?")).to_be_visible()
    expect(page.locator("main")).to_contain_text("What they get")
    page.locator("body").click(position={"x": 3, "y": 500})
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_html_in_a_title_stays_text(browse: Browse, whole: RunningConsole) -> None:
    def renamed(route: Route) -> None:
        answer = route.fetch()
        content = answer.json()
        content["items"][0]["title"] = MARKUP
        route.fulfill(response=answer, body=json.dumps(content))

    page = opened(browse, whole, "live")
    page.route("**/api/explain*", renamed)
    page.goto(f"{whole.url}/#/users/{MARKUP.replace(' ', '%20').replace('=', '%3D')}")
    expect(page.get_by_role("heading", name=f"User {MARKUP}")).to_be_visible()
    expect(page.locator("td strong", has_text=MARKUP)).to_be_visible()
    page.goto(f"{whole.url}/#/experiments/x1")
    expect(page.locator("main")).to_contain_text(MARKUP)
    page.goto(f"{whole.url}/#/quality")
    page.get_by_role("button", name="not_a_time").click()
    expect(page.locator("code", has_text=MARKUP).first).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)


def test_reports_of_others_cannot_act_in_the_readers_name(browse: Browse, whole: RunningConsole) -> None:
    page = opened(browse, whole, "quality")
    context = page.context
    for link, title in {"2026-03-28.html": "Drift", "interactions": "Interactions"}.items():
        with context.expect_page() as opening:
            page.get_by_role("link", name=link).click()
        expect(opening.value.get_by_role("heading", name=title)).to_be_visible()


@pytest.mark.parametrize("view", PANELS)
def test_with_everything_down_each_panel_says_what_and_what_to_do(browse: Browse, tmp_path: Path, view: str) -> None:
    with running_console(alone(home=tmp_path, console_port=free_port())) as console:
        page = opened(browse, console, view, refusals=True)
        time.sleep(1)
        expect(page.locator("main")).not_to_contain_text("Loading", timeout=FIGURES_MILLISECONDS)
        for number in range(page.locator(".panel").count()):
            shown = page.locator(".panel").nth(number)
            expect(shown.locator(".fault, .empty, .verdict.bad").first).to_be_visible()
        keep_screenshot(page, f"console-down-{view.replace('/', '-')}-1280-light")


def test_a_console_that_stops_is_said_and_the_page_goes_on_when_it_is_back(browse: Browse, tmp_path: Path) -> None:
    settings = alone(home=tmp_path, console_port=free_port())
    with running_console(settings) as console:
        page = opened(browse, console, "live", refusals=True)
        expect(page.locator("main")).to_contain_text("11 of 11 parts do not answer", timeout=FIGURES_MILLISECONDS)
    expect(page.locator("main")).to_contain_text("The console itself does not answer", timeout=FIGURES_MILLISECONDS)
    expect(page.locator("main")).to_contain_text("11 of 11 parts do not answer")
    with running_console(settings):
        expect(page.locator("main")).not_to_contain_text("console itself", timeout=FIGURES_MILLISECONDS)
