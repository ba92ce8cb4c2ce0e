"""Brings a database to the newest schema. Needs no alembic.ini and no env.py: the address is an argument.

``python -m database.migrate`` does so before servers of one's own start."""

import logging
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from database.engine import unavailable

LOCK = 0x48656164
"""Key of the advisory lock that lets one process migrate at a time ("Head")."""

VERSION_TABLE = "headwater_schema"
"""Not Alembic's default name, so that one database may be shared with Airflow or MLflow."""


def upgrade(database_url: str) -> None:
    """Applies every migration that is missing; does nothing where there is none. Two processes may call it at once:
    the second waits on an advisory lock. All migrations of a call stand or fall together.

    Raises UnavailableError when PostgreSQL does not answer.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            with EnvironmentContext(config, script, fn=_to_head(script), destination_rev="head") as environment:
                environment.configure(connection=connection, version_table=VERSION_TABLE)
                environment.run_migrations()
    except OperationalError as error:
        raise unavailable(error) from error
    finally:
        engine.dispose()


def _to_head(script: ScriptDirectory) -> Callable[..., object]:
    def steps(current: object, _context: MigrationContext) -> object:
        return script._upgrade_revs("head", current)  # type: ignore[arg-type]

    return steps


if __name__ == "__main__":
    from contracts.settings import Settings

    upgrade(Settings().database_url)
