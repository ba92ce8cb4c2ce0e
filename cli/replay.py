"""``headwater replay``: a day's requests through another release, before it gets traffic."""

import json
from datetime import datetime
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from experimentation.off_policy import MINIMUM_EFFECTIVE, OffPolicy
from experimentation.replay import Estimate, ReplayReport
from serving.jobs import replay_release


def command(
    release: Annotated[str, typer.Option(help="release id, see headwater release list")],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="UTC day whose requests are asked again")],
    requests: Annotated[int, typer.Option(min=1, max=100_000, help="at most so many, drawn at random")] = 1000,
    hours: Annotated[float, typer.Option(min=0.01, max=240, help="how long after a request a click counts")] = 24.0,
    seed: Annotated[int, typer.Option(min=0, help="of all that is drawn")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Ask a release the requests of a day again: agreement with what was shown, NDCG on what was clicked later."""
    settings = Settings()
    try:
        report = replay_release(
            settings, release, day.date(), at_most=requests, hours=hours, seed=seed, progress=_progress
        )
    except (HeadwaterError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _print(report)


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _print(report: ReplayReport) -> None:
    typer.echo(f"{report.requests} requests of {report.users} users on {report.day}, asked again of {report.release}")
    typer.echo(f"agreement with what was shown    {_text(report.agreement)}")
    typer.echo(f"NDCG on later clicks, this one   {_text(report.ndcg)}")
    typer.echo(f"NDCG on later clicks, as shown   {_text(report.ndcg_shown)}")
    typer.echo(f"difference                       {_text(report.gain)}")
    typer.echo(_slot(report.slot))
    for stage, count in sorted(report.degraded.items()):
        typer.echo(f"{stage} fell back in {count} of {report.requests} requests")


def _slot(slot: OffPolicy) -> str:
    heading = f"slots drawn at random: {slot.slots}, effective {slot.effective:.0f}"
    found = {"IPS": slot.ips, "SNIPS": slot.snips, "doubly robust": slot.doubly_robust}
    if slot.logged is None or None in found.values():
        return f"{heading}; too few for an estimate of clicks a slot, which needs {MINIMUM_EFFECTIVE:.0f}"
    lines = [f"{heading}; clicks a slot as drawn {slot.logged:.4f}, by this release:"]
    lines += [f"  {name:<14} {one.mean:.4f}  [{one.lower:.4f}, {one.upper:.4f}]" for name, one in found.items() if one]
    return "\n".join(lines)


def _text(estimate: Estimate) -> str:
    if estimate.mean is None:
        return f"not known: {estimate.users} users are too few"
    return f"{estimate.mean:.4f}  [{estimate.lower:.4f}, {estimate.upper:.4f}]  ({estimate.users} users)"
