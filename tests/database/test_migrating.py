"""The schema comes from one call, as often and from as many processes as one likes."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import database
from contracts.errors import UnavailableError
from database.engine import connect
from database.migrate import VERSION_TABLE, upgrade
from database.tables import AUDIT, METADATA, POINTERS


@pytest.fixture
def empty_database(database_url: str) -> str:
    """The address of a database of its own, without any table, on the server of ``database_url``."""
    server, name = database_url.rsplit("/", 1)[0], "headwater_empty"
    engine = sa.create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


def columns(engine: sa.Engine) -> dict[str, list[str]]:
    inspector = sa.inspect(engine)
    return {name: [c["name"] for c in inspector.get_columns(name)] for name in inspector.get_table_names()}


def test_four_processes_that_migrate_at_once_leave_one_schema_that_is_the_declared_one(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [empty_database] * 4))
    upgrade(empty_database)
    engine = connect(empty_database)
    found = columns(engine)
    found.pop(VERSION_TABLE)
    engine.dispose()
    assert found == {name: [c.name for c in table.columns] for name, table in METADATA.tables.items()}


def test_rows_of_the_first_schema_are_all_there_after_the_upgrade(empty_database: str) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    pointers = [{"name": name, "release_id": release, "revision": number, "moved_at": moment}
                for number, (name, release) in enumerate([("champion", "r1"), ("challenger", None)], 1)]  # fmt: skip
    audit = [{"at": moment, "who": "ann", "why": 'it\'s "better", 20 %', "kind": "promote", "pointer": "champion",
              "from_release": None, "to_release": f"r{n}", "revision": n, "operation": f"train:{n}"}
             for n in range(1000)]  # fmt: skip
    engine = connect(empty_database)
    script = ScriptDirectory(str(Path(database.__file__).parent))
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        with Operations.context(context):
            script.get_revision("0001").module.upgrade()
        context.stamp(script, "0001")
        connection.execute(sa.insert(POINTERS), pointers)
        connection.execute(sa.insert(AUDIT), audit)
    upgrade(empty_database)
    with engine.begin() as connection:
        kept = [dict(row._mapping) for row in connection.execute(sa.select(POINTERS).order_by(POINTERS.c.revision))]
        told = [dict(row._mapping) for row in connection.execute(sa.select(AUDIT).order_by(AUDIT.c.id))]
        connection.execute(sa.insert(AUDIT), {**audit[0], "operation": "after the upgrade"})
    found = columns(engine)
    engine.dispose()
    assert kept == pointers
    assert [{name: value for name, value in row.items() if name != "id"} for row in told] == audit
    assert set(found) == {*METADATA.tables, VERSION_TABLE}


def test_the_command_migrates_the_database_of_the_settings(empty_database: str, tmp_path: Path) -> None:
    own = {"HEADWATER_DATABASE_URL": empty_database, "HEADWATER_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "database.migrate"], env=os.environ | own, check=True)
    engine = connect(empty_database)
    found = columns(engine)
    engine.dispose()
    assert set(found) == {*METADATA.tables, VERSION_TABLE}


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnavailableError, match="PostgreSQL is unavailable"):
        upgrade("postgresql+psycopg2://nobody@127.0.0.1:1/none")
