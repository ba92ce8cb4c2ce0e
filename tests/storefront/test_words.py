"""The page's own small functions, in the browser that runs them."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browsing import Browse


@pytest.fixture
def page(storefront: str, browse: Browse) -> Page:
    return browse(storefront)


def item(name: str, position: int) -> dict[str, Any]:
    return {"item_id": name, "title": f"Title {name}", "position": position}


def test_a_row_is_compared_with_the_one_before(page: Page) -> None:
    before, after = ([item(name, at) for at, name in enumerate(names, start=1)] for names in ("abcd", "cxby"))
    told = page.evaluate(
        """async ([before, after]) => {
          const { compare, told } = await import("/changes.js");
          const changes = compare(before, after);
          return [[...changes.fresh], Object.fromEntries(changes.moved), told(changes, (item) => item.title)];
        }""",
        [before, after],
    )
    assert told == [["x", "y"], {"c": 1, "b": -1}, "2 new · 2 moved · gone: Title a, Title d"]


def test_the_same_row_is_said_to_be_the_same(page: Page) -> None:
    told = page.evaluate(
        """async (row) => {
          const { compare, told } = await import("/changes.js");
          return told(compare(row, row), (item) => item.title);
        }""",
        [item("a", 1)],
    )
    assert told == "the row is the same"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (0.44, "0.4 s"), (42, "42 s"), (90, "2 min"), (3600 * 5, "5 h"), (86400 * 3, "3 d")],
)
def test_an_age_is_said_in_its_own_unit(page: Page, seconds: float, words: str) -> None:
    assert page.evaluate("(seconds) => import('/words.js').then(({ age }) => age(seconds))", seconds) == words
