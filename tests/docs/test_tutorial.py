"""The tutorial, followed from its first command to its last, on a shop of its own."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.docs.commands import TREE, blocks, files, typed
from tests.e2e.test_one_day import free_port_base, processes_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

PAGE = TREE / "docs" / "tutorial.md"
COMMANDS = [command for kind, text in blocks(PAGE) if kind == "console" for command in typed(text, kind)]
WORLD = ["--users", "1000", "--items", "500", "--days", "14", "--seed", "11"]
AFTER = "@@ after command"


def make_shop(folder: Path) -> Path:
    """Interactions and items of a simulated shop as CSV, as somebody might export their own."""
    world, shop = folder / "world", folder / "shop"
    shop.mkdir()
    subprocess.run([sys.executable, "-m", "simulator", "generate", str(world), *WORLD], check=True, cwd=TREE)
    columns = ["user_id", "item_id", "action", "timestamp"]
    pyarrow.csv.write_csv(pq.read_table(world / "interactions.parquet", columns=columns), shop / "interactions.csv")
    items = pq.read_table(world / "items.parquet")
    categories = pc.binary_join(items["category"], "|")
    pyarrow.csv.write_csv(
        items.set_column(items.column_names.index("category"), "category", categories), shop / "items.csv"
    )
    return shop


def as_run(command: str, shop: Path, port_base: int) -> str:
    """The command with this test's folders and ports. The environment is there already, so it is not made again."""
    for page, here in {
        "~/shop": shlex.quote(str(shop)),
        "127.0.0.1:17400": f"127.0.0.1:{port_base}",
        "ranker.yaml": shlex.quote(str(shop / "ranker.yaml")),
    }.items():
        command = command.replace(page, here)
    return f"make -o setup {command.removeprefix('make ')}" if command.startswith("make ") else command


def follow(commands: list[str], environment: dict[str, str]) -> list[str]:
    """Runs the commands one after another in one shell, as a reader does. Returns the stdout of each."""
    script = "".join(f"{command}\necho '{AFTER}'\n" for command in commands)
    done = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", script],
        cwd=TREE, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout.split(f"{AFTER}\n")[:-1]
    assert done.returncode == 0, f"{commands[len(said)]}: {done.stderr[-3000:]}"
    return said


def test_the_tutorial_leads_to_what_it_says(tmp_path: Path) -> None:
    port_base, home, shop = free_port_base(), tmp_path / "home", make_shop(tmp_path)
    for name, text in files(PAGE).items():
        (shop / name).write_text(text)
    environment = {"HEADWATER_HOME": str(home), "HEADWATER_PORT_BASE": str(port_base), "HEADWATER_TRAIN_SECONDS": "15"}
    try:
        said = follow([as_run(command, shop, port_base) for command in COMMANDS], environment)
    finally:
        subprocess.run(["make", "-o", "setup", "down"], cwd=TREE, env=os.environ | environment, check=True)
    assert processes_of(home) == []
    answers = dict(zip(COMMANDS, said, strict=True))
    assert "Recommended for user" in answers["make demo DATA=~/shop"]
    asked = [json.loads(one) for command, one in zip(COMMANDS, said, strict=True) if "user_id=newcomer" in command]
    assert [one["features"]["state"] for one in asked] == ["missing", "fresh"]
    assert "i7" not in [item["item_id"] for item in asked[1]["items"]]
    assert [item["item_id"] for item in asked[0]["items"]] != [item["item_id"] for item in asked[1]["items"]]
    assert "shipped" in answers[".venv/bin/headwater train"] or "refused" in answers[".venv/bin/headwater train"]
    assert "champion" in answers[".venv/bin/headwater release list"]
    assert "ranker: split, running" in answers[".venv/bin/headwater experiment show ranker"]
