"""``headwater bench NAME``: runs one benchmark and prints its figures beside their baselines."""

import importlib
import json
import pkgutil
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.result import Figure, machine, with_stolen_share
from contracts.errors import NotFoundError

NOT_BENCHMARKS = {"result"}


def names() -> list[str]:
    """The benchmarks there are: the modules of ``benchmarks``."""
    return sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in NOT_BENCHMARKS)


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help=f"one of: {', '.join(names())}, or all")],
    json_file: Annotated[Path | None, typer.Option("--json", help="write the figures there as a JSON list")] = None,
) -> None:
    """Runs a benchmark; options after the name are the benchmark's own."""
    chosen = names() if name == "all" else [name]
    if unknown := set(chosen) - set(names()):
        raise NotFoundError(f"there is no benchmark {unknown.pop()!r}; choose one of {', '.join(names())}")
    typer.echo(f"machine: {machine()}", err=True)
    figures: list[Figure] = []
    for benchmark in chosen:
        typer.echo(f"bench {benchmark} …", err=True)
        run = partial(importlib.import_module(f"benchmarks.{benchmark}").run, context.args)
        figures += with_stolen_share(benchmark, run, psutil.cpu_times)
    Console(file=sys.stdout).print(table(figures))
    if json_file:
        json_file.write_text(json.dumps([figure.as_json() for figure in figures], indent=1) + "\n")


def table(figures: list[Figure]) -> Table:
    """The figures as a person reads them."""
    shown = Table("name", "value", "unit", "baseline", "baseline value", "ratio")
    for figure in figures:
        base = "" if figure.baseline_value is None else f"{figure.baseline_value:.4g}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.3g}"
        shown.add_row(figure.name, f"{figure.value:.4g}", figure.unit, figure.baseline or "", base, ratio)
    return shown
