"""The command as people meet it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from cli.main import VERBS, load


def headwater(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
        timeout=60,
    )


def test_help_lists_every_verb_without_importing_any() -> None:
    code = (
        "import sys, runpy; sys.argv = ['headwater', '--help']\n"
        "try:\n    runpy.run_module('cli', run_name='__main__')\n"
        "except SystemExit as done:\n    assert done.code == 0\n"
        "heavy = {'tensorflow', 'pyspark', 'pandas', 'airflow', 'mlflow', 'sqlalchemy', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f" {verb} " in done.stdout for verb in VERBS)


def test_wrong_usage_is_status_2() -> None:
    assert headwater("nonsense").returncode == 2
    assert headwater("logs").returncode == 2


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = headwater("status", HEADWATER_PORT_BASE="80", HEADWATER_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("HEADWATER_PORT_BASE: ")


SERVERS = {
    "redis", "postgres", "kafka", "mlflow", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor",
    "airflow-triggerer", "model-server", "gateway", "consumer", "storefront", "console",
}  # fmt: skip


def test_status_json_is_a_list_of_name_state_pid_address(tmp_path: Path) -> None:
    began = time.monotonic()
    done = headwater("status", "--json", HEADWATER_HOME=str(tmp_path))
    assert time.monotonic() - began < 20
    rows = json.loads(done.stdout)
    assert [set(row) for row in rows] == [{"name", "state", "pid", "address"}] * len(SERVERS)
    assert {row["name"] for row in rows} == SERVERS
    assert {row["state"] for row in rows} == {"stopped"}


def test_a_failure_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    done = headwater("logs", "redis", HEADWATER_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "redis has no log yet: start the stack with headwater up.\n"


def test_down_without_a_stack_is_no_failure(tmp_path: Path) -> None:
    assert headwater("down", HEADWATER_HOME=str(tmp_path)).returncode == 0


def test_the_demo_names_data_that_is_not_there(tmp_path: Path) -> None:
    done = headwater("demo", "--data", str(tmp_path / "none.zip"), HEADWATER_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().endswith("give a MovieLens zip or a folder of tables.")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["up", "down", "status", "logs", "demo"])
def test_every_verb_of_the_stack_has_help(verb: str) -> None:
    done = headwater(verb, "--help")
    assert done.returncode == 0
    assert "Usage: headwater" in done.stdout


def undescribed(command: Any, parent: Any, name: str) -> list[str]:
    context = command.context_class(command, info_name=name, parent=parent)
    if isinstance(command, TyperGroup):
        verbs = {verb: command.get_command(context, verb) for verb in command.list_commands(context)}
        return [one for verb, found in verbs.items() for one in undescribed(found, context, verb)]
    return [f"{context.command_path} {one.name}" for one in command.params if not getattr(one, "help", None)]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_and_argument_says_what_it_is(verb: str) -> None:
    assert undescribed(load(verb, VERBS[verb]), None, verb) == []


def test_an_option_without_help_would_be_found() -> None:
    def counts(count: int = 1) -> None: ...

    bare = typer.Typer(add_completion=False)
    bare.command("x")(counts)
    bare.command("y")(lambda: None)
    assert undescribed(typer.main.get_command(bare), None, "bare") == ["bare x count"]
