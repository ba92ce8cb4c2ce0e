"""``headwater stream``: the lake sink, replays and dead letters."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Annotated

import redis
import typer

from contracts.errors import HeadwaterError
from contracts.events import DeadLetter
from contracts.settings import Settings

app = typer.Typer(help="Run the lake sink, replay events, look at dead letters.", no_args_is_help=True)
letters = typer.Typer(help="Messages that could not be processed.", no_args_is_help=True)
app.add_typer(letters, name="dead-letters")

Json = Annotated[bool, typer.Option("--json", help="print JSON only")]
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def fail(error: HeadwaterError | redis.RedisError) -> typer.Exit:
    """Prints one sentence on stderr; raise the result to end with status 1."""
    said = str(error) if isinstance(error, HeadwaterError) else f"Redis failed ({error}); start it and try again"
    typer.echo(said, err=True)
    return typer.Exit(1)


def say(message: str) -> None:
    """Progress on stderr."""
    typer.echo(message, err=True)


@app.command()
def sink(as_json: Json = False) -> None:
    """Bring events, impressions and changed items into the lake, once, now."""
    from streaming.jobs import ingest_events

    try:
        reports = ingest_events(Settings(), say)
    except HeadwaterError as error:
        raise fail(error) from error
    if as_json:
        typer.echo(json.dumps(reports))
        return
    for report in reports:
        typer.echo(f"{report['table']}: {report['inserted']} of {report['messages']} messages were new")


@app.command()
def replay(
    start: Annotated[datetime | None, typer.Option("--from", formats=MOMENTS, help="first event time, UTC")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=MOMENTS, help="event times before this, UTC")] = None,
    no_swap: Annotated[bool, typer.Option("--no-swap", help="compare and throw away, change nothing live")] = False,
    as_json: Json = False,
) -> None:
    """Rebuild the online state from lake and Kafka beside the live one, compare the two, then swap."""
    from serving.erasure.ledger import Ledger
    from serving.erasure.online import remember_waiting
    from streaming.jobs import replay as run

    moments = [moment.replace(tzinfo=UTC) if moment else None for moment in (start, end)]
    settings = Settings()
    try:
        with redis.Redis.from_url(settings.redis_url) as client:
            remember_waiting(client, Ledger(settings.home / "erasures"))
        report, comparison = run(settings, moments[0], moments[1], swapping=not no_swap, say=say)
    except (HeadwaterError, redis.RedisError) as error:
        raise fail(error) from error
    found = {
        "replay": dataclasses.asdict(report),
        "live": dataclasses.asdict(comparison) | {"equal": comparison.equal},
        "swapped": not no_swap,
    }
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"{report.users} users from {report.from_lake} rows of the lake and {report.from_kafka} messages")
    typer.echo(
        f"live differed in: history {comparison.history}, counters {comparison.counters}, seen {comparison.seen}, "
        f"missing {comparison.missing}, live only {comparison.lost}; vectors by at most {comparison.vector:.2g}"
    )
    typer.echo("swapped" if not no_swap else "nothing was changed")


@app.command()
def health(as_json: Json = False) -> None:
    """How far consumer and lake sink are behind; status 1 when messages wait for a sink that does not run."""
    from streaming.health import stream_health

    try:
        found = stream_health(Settings())
    except (HeadwaterError, redis.RedisError) as error:
        raise fail(error) from error
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        typer.echo(f"consumer: {sum(found.lag.values())} events behind, vectors of {found.vectors_behind} users behind")
        for one in found.sinks:
            ran = "never ran" if one.seconds is None else f"last ran {one.seconds:.0f} s ago"
            typer.echo(f"sink of {one.table}: {one.behind} messages behind, {ran}")
    if found.late:
        typer.echo(f"the sink of {', '.join(found.late)} is late: see the DAG ingest_events", err=True)
        raise typer.Exit(1)


@app.command()
def skew(
    day: Annotated[str | None, typer.Option(help="YYYY-MM-DD; default the last complete day")] = None,
) -> None:
    """Compare features online with those that training computes; status 1 when one is above the bound."""
    from streaming.skew.job import check_skew

    try:
        typer.echo(check_skew(day, Settings()))
    except HeadwaterError as error:
        raise fail(error) from error


@letters.command("list")
def list_letters(as_json: Json = False) -> None:
    """The messages set aside and not sent again yet, oldest first."""
    from streaming.dead_letters import DeadLetterBox

    settings = Settings()
    try:
        box = DeadLetterBox(settings.kafka_bootstrap, settings.topic_prefix)
        try:
            pending = [letter.letter for letter in box.pending()]
        finally:
            box.close()
    except HeadwaterError as error:
        raise fail(error) from error
    if as_json:
        typer.echo(json.dumps([letter.model_dump(mode="json") for letter in pending]))
        return
    for letter in pending:
        typer.echo(f"{letter.topic}:{letter.partition}:{letter.offset}  {letter.reason}  {_shown(letter)}")


def _shown(letter: DeadLetter) -> str:
    begun = letter.kept[:120].decode(errors="backslashreplace")
    return f"{begun!r}{' (truncated)' if letter.truncated else ''}"


@letters.command("retry")
def retry_letters() -> None:
    """Send every message set aside to where it came from, once its cause is gone."""
    from streaming.dead_letters import DeadLetterBox

    settings = Settings()
    try:
        box = DeadLetterBox(settings.kafka_bootstrap, settings.topic_prefix)
        try:
            retried = box.retry()
        finally:
            box.close()
    except HeadwaterError as error:
        raise fail(error) from error
    typer.echo(f"{retried.sent} sent again")
    for letter in retried.lost:
        typer.echo(
            f"{letter.topic}:{letter.partition}:{letter.offset} was too large to keep and has left its topic: "
            "its writer must send it again",
            err=True,
        )
    if retried.lost:
        raise typer.Exit(1)
