"""The connection to PostgreSQL."""

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from contracts.errors import UnavailableError


def connect(database_url: str) -> sa.Engine:
    """An engine for ``database_url`` (SQLAlchemy form). Connections are checked before use, so that a server that was
    restarted costs a reconnect, not an error. Nothing is connected before the first statement."""
    return sa.create_engine(database_url, pool_pre_ping=True, pool_size=2, max_overflow=8, pool_timeout=10)


def unavailable(error: OperationalError) -> UnavailableError:
    """The sentence for a person when PostgreSQL did not answer."""
    reason = str(error.orig).strip().splitlines()
    return UnavailableError("PostgreSQL", f"{reason[0] if reason else 'no answer'}; is it up (headwater status)?")
