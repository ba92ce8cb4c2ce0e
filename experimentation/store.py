"""Experiments in PostgreSQL: declaration, state, every change with who and when, and the result of every look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from contracts.clock import Clock, utc
from contracts.errors import ConflictError, NotFoundError
from contracts.experiment import Experiment, RunningExperiment, Status
from database.engine import unavailable
from database.tables import EXPERIMENT_HISTORY, EXPERIMENT_LOOKS, EXPERIMENTS
from experimentation.declarations import check, phase
from experimentation.exclusive_groups import free_slot

T = TypeVar("T")

FREE_WHILE_RUNNING = frozenset({"hypothesis", "recommend_only"})
"""What may change while an experiment runs. Anything else would change who is in it or what is concluded."""


@dataclass(frozen=True)
class Change:
    """A line of an experiment's history."""

    at: datetime
    who: str
    change: str
    detail: dict[str, Any]


class Experiments:
    """All experiments. Every method raises UnavailableError when PostgreSQL does not answer."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def create(self, experiment: Experiment, *, who: str) -> RunningExperiment:
        """Keeps a draft. Raises ConflictError when the id is taken, InvalidInputError for an unknown metric."""
        check(experiment)
        now = utc(self._clock())
        row = {
            "id": experiment.id,
            "declaration": experiment.model_dump(mode="json"),
            "status": str(Status.DRAFT),
            "revision": 1,
            "created_at": now,
        }

        def work(connection: sa.Connection) -> RunningExperiment:
            connection.execute(sa.insert(EXPERIMENTS).values(slot=0.0, **row))
            self._note(connection, experiment.id, who, "created", experiment.model_dump(mode="json"))
            return self._get(connection, experiment.id)

        try:
            return self._transaction(work)
        except IntegrityError as error:
            raise ConflictError(f"there is an experiment {experiment.id} already; choose another id") from error

    def get(self, experiment_id: str) -> RunningExperiment:
        """One experiment. Raises NotFoundError."""
        return self._transaction(lambda connection: self._get(connection, experiment_id))

    def list(self, status: Status | None = None) -> Sequence[RunningExperiment]:
        """All, or those of one status, in the order of starting (drafts last)."""
        query = sa.select(EXPERIMENTS).order_by(EXPERIMENTS.c.started_at.nulls_last(), EXPERIMENTS.c.id)
        if status is not None:
            query = query.where(EXPERIMENTS.c.status == str(status))
        return self._transaction(lambda connection: [_read(row) for row in connection.execute(query)])

    def page(
        self, *, status: Status | None = None, part_of_id: str = "", offset: int = 0, limit: int = 50
    ) -> tuple[Sequence[RunningExperiment], int]:
        """``limit`` experiments from ``offset`` on, the newest declared first, and how many there are in all: of one
        status and with ``part_of_id`` in their ids, where these are given."""
        table = EXPERIMENTS.c
        chosen = table.id.contains(part_of_id, autoescape=True)
        if status is not None:
            chosen &= table.status == str(status)
        query = sa.select(EXPERIMENTS).where(chosen).order_by(table.created_at.desc(), table.id)
        count = sa.select(sa.func.count()).select_from(EXPERIMENTS).where(chosen)

        def work(connection: sa.Connection) -> tuple[Sequence[RunningExperiment], int]:
            rows = connection.execute(query.offset(offset).limit(limit))
            return [_read(row) for row in rows], connection.execute(count).scalar_one()

        return self._transaction(work)

    def start(self, experiment_id: str, *, who: str, traffic: float | None = None) -> RunningExperiment:
        """Starts a draft, with ``traffic`` as its first phase if given. Raises ConflictError when it is no draft, or
        when its exclusive group has too little traffic left."""

        def work(connection: sa.Connection) -> RunningExperiment:
            connection.execute(sa.text("LOCK TABLE experiments IN SHARE ROW EXCLUSIVE MODE"))
            found = self._get(connection, experiment_id)
            if found.status is not Status.DRAFT:
                raise ConflictError(f"experiment {experiment_id} is {found.status}; only a draft can be started")
            running = connection.execute(sa.select(EXPERIMENTS).where(EXPERIMENTS.c.status == str(Status.RUNNING)))
            slot = free_slot(map(_read, running), found.experiment)
            first = phase(found.experiment, traffic) if traffic is not None else None
            now = utc(self._clock())
            state = {"status": str(Status.RUNNING), "started_at": now, "slot": slot, "traffic": first}
            self._write(connection, experiment_id, state, who, "started", {"slot": slot, "traffic": first})
            return self._get(connection, experiment_id)

        return self._transaction(work)

    def grow(self, experiment_id: str, traffic: float, *, who: str) -> RunningExperiment:
        """Enrols a larger share; nobody who is in leaves or changes arm. Raises ConflictError for a smaller one."""

        def work(connection: sa.Connection) -> RunningExperiment:
            found = self._running(connection, experiment_id)
            now = found.experiment.traffic if found.traffic is None else found.traffic
            if traffic < now:
                raise ConflictError(f"experiment {experiment_id} enrols {now} already; it cannot shrink while it runs")
            state = {"traffic": phase(found.experiment, traffic)}
            self._write(connection, experiment_id, state, who, "grown", {"traffic": traffic, "from": now})
            return self._get(connection, experiment_id)

        return self._transaction(work)

    def update(self, experiment: Experiment, *, who: str) -> RunningExperiment:
        """Changes a declaration. While it runs only ``FREE_WHILE_RUNNING``; raises ConflictError naming what else was
        changed, and for an experiment that has ended."""
        check(experiment)

        def work(connection: sa.Connection) -> RunningExperiment:
            found = self._get(connection, experiment.id)
            before, after = found.experiment.model_dump(mode="json"), experiment.model_dump(mode="json")
            changed = {name for name in after if after[name] != before[name]}
            if found.status is Status.RUNNING and changed - FREE_WHILE_RUNNING:
                names = ", ".join(sorted(changed - FREE_WHILE_RUNNING))
                raise ConflictError(f"{names} cannot change while {experiment.id} runs: it would break its statistics")
            if found.status not in (Status.RUNNING, Status.DRAFT):
                raise ConflictError(f"experiment {experiment.id} is {found.status} and cannot change")
            detail = {name: [before[name], after[name]] for name in sorted(changed)}
            self._write(connection, experiment.id, {"declaration": after}, who, "changed", detail)
            return self._get(connection, experiment.id)

        return self._transaction(work)

    def end(
        self, experiment_id: str, status: Status, *, who: str, decision: Mapping[str, Any] | None = None
    ) -> RunningExperiment:
        """Ends a running experiment. The same end a second time changes nothing; raises ConflictError for another."""

        def work(connection: sa.Connection) -> RunningExperiment:
            found = self._get(connection, experiment_id)
            if found.status is status:
                return found
            if found.status is not Status.RUNNING:
                raise ConflictError(f"experiment {experiment_id} is {found.status}; only a running one can end")
            kept = dict(decision) if decision is not None else None
            state = {"status": str(status), "ended_at": utc(self._clock()), "decision": kept}
            self._write(connection, experiment_id, state, who, str(status), kept or {})
            return self._get(connection, experiment_id)

        return self._transaction(work)

    def stop(self, experiment_id: str, *, who: str, why: str = "by hand") -> RunningExperiment:
        """Stops a running experiment without a decision."""
        return self.end(experiment_id, Status.STOPPED, who=who, decision={"verdict": "stopped", "reason": why})

    def decision(self, experiment_id: str) -> dict[str, Any] | None:
        """The decision that ended it, or None."""
        query = sa.select(EXPERIMENTS.c.decision).where(EXPERIMENTS.c.id == experiment_id)
        return self._transaction(lambda connection: connection.execute(query).scalar())

    def history(self, experiment_id: str) -> Sequence[Change]:
        """Every change, oldest first."""
        table = EXPERIMENT_HISTORY.c
        query = sa.select(table.at, table.who, table.change, table.detail)
        query = query.where(table.experiment == experiment_id).order_by(table.id)
        return self._transaction(lambda connection: [Change(*row) for row in connection.execute(query)])

    def phases(self, experiment_id: str) -> Sequence[tuple[float, float]]:
        """When each phase of enrolment began, epoch seconds, and its share of users, oldest first. Raises
        NotFoundError."""
        declared = self.get(experiment_id).experiment.traffic
        changes = [one for one in self.history(experiment_id) if one.change in ("started", "grown")]
        return [(one.at.timestamp(), one.detail["traffic"] or declared) for one in changes]

    def keep_look(self, experiment_id: str, day: date, metrics: Mapping[str, Any]) -> None:
        """Keeps the analysis of one day; that day's earlier one is replaced, so analysing twice changes nothing."""
        row = {"experiment": experiment_id, "day": day}
        values = {"analysed_at": utc(self._clock()), "metrics": dict(metrics)}

        def work(connection: sa.Connection) -> None:
            table = EXPERIMENT_LOOKS
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"{experiment_id}{day}"}
            )
            connection.execute(sa.delete(table).where(table.c.experiment == experiment_id, table.c.day == day))
            connection.execute(sa.insert(table).values(**row, **values))

        self._transaction(work)

    def last_look(self, experiment_id: str) -> dict[str, Any] | None:
        """The newest analysis, or None before the first."""
        table = EXPERIMENT_LOOKS.c
        query = sa.select(table.metrics).where(table.experiment == experiment_id).order_by(table.day.desc()).limit(1)
        return self._transaction(lambda connection: connection.execute(query).scalar())

    def _transaction(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except OperationalError as error:
            raise unavailable(error) from error

    def _get(self, connection: sa.Connection, experiment_id: str) -> RunningExperiment:
        row = connection.execute(
            sa.select(EXPERIMENTS).where(EXPERIMENTS.c.id == experiment_id).with_for_update()
        ).first()
        if row is None:
            raise NotFoundError(f"there is no experiment {experiment_id}; see headwater experiment list")
        return _read(row)

    def _running(self, connection: sa.Connection, experiment_id: str) -> RunningExperiment:
        found = self._get(connection, experiment_id)
        if found.status is not Status.RUNNING:
            raise ConflictError(f"experiment {experiment_id} is {found.status}, not running")
        return found

    def _write(
        self, connection: sa.Connection, experiment_id: str, state: dict[str, Any], who: str, change: str, detail: Any
    ) -> None:
        table = EXPERIMENTS
        values = state | {"revision": table.c.revision + 1}
        connection.execute(sa.update(table).where(table.c.id == experiment_id).values(**values))
        self._note(connection, experiment_id, who, change, detail)

    def _note(self, connection: sa.Connection, experiment_id: str, who: str, change: str, detail: Any) -> None:
        row = {"experiment": experiment_id, "at": utc(self._clock()), "who": who, "change": change, "detail": detail}
        connection.execute(sa.insert(EXPERIMENT_HISTORY).values(**row))


def _read(row: sa.Row[Any]) -> RunningExperiment:
    return RunningExperiment(
        experiment=Experiment.model_validate(row.declaration),
        status=Status(row.status),
        started_at=row.started_at,
        ended_at=row.ended_at,
        slot=row.slot,
        traffic=row.traffic,
    )
