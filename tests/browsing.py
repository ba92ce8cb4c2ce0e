"""Pages in a real Chromium. A room's ``conftest.py`` imports the fixtures ``chromium`` and ``browse`` from here."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

SCREENSHOTS = Path(__file__).parents[1] / "build" / "screenshots"
WIDE, NARROW = 1280, 390
TIMEOUT_MILLISECONDS = 20_000
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REFUSED = "Failed to load resource"
"""How Chromium's console begins when a request fails or is answered with an error."""

Browse = Callable[..., Page]
"""``browse(url, width=WIDE, scheme="light", refusals=False)`` opens a page; see ``browse``."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium. One a module: while it is open Playwright's event loop runs, and async tests cannot."""
    path = shutil.which("chromium")
    if path is None:
        missing = "no Chromium on PATH: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Browse]:
    """Opens pages, each in a context of its own. At the end of the test none of them may have logged an error, thrown
    an exception, or asked another host for anything; ``refusals`` says that the server may refuse a page's requests.
    """
    faults: list[str] = []
    contexts = []

    def open_page(
        url: str, *, width: int = WIDE, scheme: Literal["light", "dark"] = "light", refusals: bool = False
    ) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)

        def logged(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not (refusals and message.text.startswith(REFUSED)):
                faults.append(f"{message.type}: {message.text}")

        def asked(request: Request) -> None:
            if urlsplit(request.url).netloc not in (urlsplit(url).netloc, ""):
                faults.append(f"asked another host: {request.url}")

        page = context.new_page()
        page.on("console", logged)
        page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
        page.on("request", asked)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def keep_screenshot(page: Page, name: str) -> Path:
    """Keeps the whole page as ``build/screenshots/NAME.png`` for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
