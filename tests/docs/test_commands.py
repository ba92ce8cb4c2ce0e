"""Every command that the documentation shows exists, with the options that it is shown with."""

import re
from typing import Any

import pytest
import typer

from cli.main import VERBS, load
from tests.docs.commands import TREE, Shown, mentioned, ours, shown

SHOWN, MENTIONED = shown(), mentioned()
USAGE_ERROR = typer.BadParameter.__mro__[1]


def found(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words call, and the words after it."""
    assert words[0] in VERBS
    command, rest = load(words[0], VERBS[words[0]]), words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def check(words: list[str]) -> None:
    """Fails for what ``headwater`` would refuse as wrong usage. Runs nothing."""
    command, rest = found(words)
    assert not getattr(command, "commands", {})
    context: Any = command.context_class(command, info_name=words[0])
    given, left, _ = command.make_parser(context).parse_args(args=rest)
    assert not left
    assert [one.name for one in command.params if one.required and not given.get(one.name)] == []


def test_the_tutorial_and_the_how_to_pages_show_commands() -> None:
    assert {"docs/tutorial.md", "docs/howto/upgrade.md"} <= {one.page for one in SHOWN}
    assert "docs/runbooks/degraded.md" in {one.page for one in MENTIONED}


@pytest.mark.parametrize("one", SHOWN, ids=str)
def test_a_command_that_is_shown_exists(one: Shown) -> None:
    for words in ours(one.text):
        check(words)
    if made := re.match(r"make (?P<target>[a-z-]+)", one.text):
        assert f"\n{made['target']}:" in (TREE / "Makefile").read_text()


@pytest.mark.parametrize("one", MENTIONED, ids=str)
def test_a_verb_and_option_that_a_sentence_names_exist(one: Shown) -> None:
    (words,) = ours(one.text)
    command, rest = found(words)
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options


@pytest.mark.parametrize("words", ["release list --sorted", "release show", "rules", "token --scope", "import a b"])
def test_what_headwater_would_refuse_fails_the_check(words: str) -> None:
    with pytest.raises((AssertionError, USAGE_ERROR)):
        check(words.split())
