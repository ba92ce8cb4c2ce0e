"""What cannot be rebuilt, in one folder: databases, releases, MLflow's artefacts, the issuer's keys and clients, the
erasures asked for, the rules with those of arms. The lake and Kafka have copies of their own kind; Redis is filled
again by an export and ``headwater stream replay``.
"""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from contracts.clock import utc
from contracts.errors import ConflictError, HeadwaterError, InvalidInputError, NotFoundError
from contracts.settings import Settings
from database.engine import connect
from database.migrate import upgrade
from database.tables import METADATA
from releases.files import MANIFEST, flush_tree, sha256
from releases.model_repository import place
from releases.store import ReleaseStore
from stack.servers.postgres import postgres_binaries

CONTENTS: Final = "backup.json"
"""Written last: a folder without it is no backup."""

OURS: Final = "headwater"
FOLDERS: Final = ("mlflow/artifacts", "issuer", "erasures", "rules")
RULES: Final = "rules.yaml"


@dataclass(frozen=True)
class Backup:
    """What ``backup.json`` says: when it was made, and every file's SHA-256 by its path."""

    made_at: datetime
    files: Mapping[str, str]


def backup(settings: Settings, folder: Path) -> Backup:
    """Writes a backup into ``folder``, which must not exist; it appears by one rename, whole.

    Every database is one snapshot, taken before the releases are copied: a release is published before a pointer names
    it, so what the pointers name is there. Raises ConflictError, DamagedReleaseError, HeadwaterError.
    """
    if folder.exists():
        raise ConflictError(f"{folder} exists: name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    staging.mkdir(mode=0o700)
    try:
        for name, url in _databases(settings).items():
            _run("pg_dump", url, "--format=custom", f"--file={staging / f'{name}.dump'}")
        _copy_releases(settings.releases, staging / "releases")
        for name in FOLDERS:
            if (settings.home / name).is_dir():
                shutil.copytree(settings.home / name, staging / name)
        if (settings.home / RULES).is_file():
            shutil.copy2(settings.home / RULES, staging / RULES)
        made = Backup(utc(settings.now()()), {path.as_posix(): sha256(staging / path) for path in _files(staging)})
        content = {"made_at": made.made_at.isoformat(), "files": dict(made.files)}
        (staging / CONTENTS).write_text(json.dumps(content, indent=1))
        flush_tree(staging)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return made


def read(folder: Path) -> Backup:
    """The contents of a whole backup. Raises NotFoundError where there is none, InvalidInputError naming the first file
    that is missing or changed."""
    if not (folder / CONTENTS).is_file():
        raise NotFoundError(
            f"{folder} is no whole backup, it has no {CONTENTS}; name a folder that headwater backup made"
        )
    content = json.loads((folder / CONTENTS).read_text())
    for path, expected in content["files"].items():
        if not (folder / path).is_file() or sha256(folder / path) != expected:
            raise InvalidInputError("backup", f"{path} is missing or changed in {folder}; use another backup")
    return Backup(datetime.fromisoformat(content["made_at"]), content["files"])


def restore(settings: Settings, folder: Path, *, force: bool = False) -> Backup:
    """Puts a backup in force; PostgreSQL must run. Files come first and the databases last, each restored beside the
    old one, brought to this version's schema and swapped in: a restore that was cut is completed by running it again
    with ``force``. Releases that are there already stay. Who is connected to the old databases is disconnected.

    Raises ConflictError where the installation holds something of its own, unless ``force``; and what ``read`` raises.
    """
    found = read(folder)
    if not force and (held := _held(settings)):
        raise ConflictError(f"this installation has {held} of its own: use --force to replace them by the backup")
    store = ReleaseStore(settings.releases)
    for manifest in ReleaseStore(folder / "releases").list():
        staging = store.stage(manifest.id)
        shutil.copytree(folder / "releases" / manifest.id, staging, dirs_exist_ok=True)
        (staging / MANIFEST).unlink()
        place(store.publish(staging, manifest), settings.home / "models")
    for name in FOLDERS:
        if (folder / name).is_dir():
            shutil.copytree(folder / name, settings.home / name, dirs_exist_ok=True)
    if (folder / RULES).is_file():
        shutil.copy2(folder / RULES, settings.home / RULES)
    for name, url in reversed(_databases(settings).items()):
        _swap_in(url, folder / f"{name}.dump", upgraded=name == OURS)
    return found


def _swap_in(url: sa.URL, dump: Path, *, upgraded: bool) -> None:
    fresh = url.set(database=f"{url.database}_restoring")
    server = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    quoted = server.dialect.identifier_preparer.quote
    old, new = quoted(str(url.database)), quoted(str(fresh.database))
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {new} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {new}"))
        _run("pg_restore", fresh, "--no-owner", "--exit-on-error", f"--dbname={fresh.database}", str(dump))
        if upgraded:
            upgrade(fresh.render_as_string(hide_password=False))
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {old} WITH (FORCE)"))
        connection.execute(sa.text(f"ALTER DATABASE {new} RENAME TO {old}"))


def _databases(settings: Settings) -> dict[str, sa.URL]:
    """Ours and MLflow's, which is on the same server."""
    url = sa.make_url(settings.database_url)
    return {OURS: url, "mlflow": url.set(database="mlflow")}


def _copy_releases(releases: Path, target: Path) -> None:
    store = ReleaseStore(releases)
    for manifest in store.list():
        shutil.copytree(store.open(manifest.id), target / manifest.id)
        ReleaseStore(target).verify(manifest.id)


def _files(folder: Path) -> Iterator[Path]:
    return (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())


def _held(settings: Settings) -> str:
    """What a restore would replace, in words; empty where there is nothing."""
    held = [f"releases ({len(found)})"] if (found := ReleaseStore(settings.releases).list()) else []
    upgrade(settings.database_url)
    engine = connect(settings.database_url)
    try:
        with engine.connect() as connection:
            for table in METADATA.sorted_tables:
                rows = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                held += [f"{table.name} ({rows})"] if rows else []
    finally:
        engine.dispose()
    return ", ".join(held)


def _run(program: str, url: sa.URL, *arguments: str) -> None:
    """One of PostgreSQL's programs; the password is not in its command line. Raises HeadwaterError."""
    where = {
        "PGHOST": url.host, "PGPORT": str(url.port or ""), "PGUSER": url.username, "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }  # fmt: skip
    done = subprocess.run(
        [str(postgres_binaries() / program), *arguments],
        env=os.environ | {name: value for name, value in where.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()
        raise HeadwaterError(f"{program} of database {url.database} failed: {reason[0] if reason else 'no reason'}")
