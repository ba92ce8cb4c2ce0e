"""The schema comes from one call, as often and from as many processes as one likes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from contracts.errors import UnavailableError
from database.engine import connect
from database.migrate import VERSION_TABLE, upgrade
from database.tables import METADATA


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


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnavailableError, match="PostgreSQL is unavailable"):
        upgrade("postgresql+psycopg2://nobody@127.0.0.1:1/none")
