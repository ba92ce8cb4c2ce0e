"""A backup brings back what was there, on a real PostgreSQL; a cut or changed one is never taken for whole."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from contracts.errors import ConflictError, HeadwaterError, InvalidInputError, NotFoundError
from contracts.release import CHAMPION
from contracts.settings import Settings
from database.engine import connect
from database.migrate import VERSION_TABLE, upgrade
from releases.pointers import Pointers
from releases.store import ReleaseStore
from stack import backup as backups
from stack.preflight import free_ports
from stack.process import running
from stack.servers.postgres import USER, create_databases, postgres_server
from tests.releases.releases import published

ID = "r00000000000a"
WHO = {"who": "ann", "why": "test"}
HOST = "127.0.0.1"
FILES = {
    "rules.yaml": "rules: []",
    "rules/fewer-repeats.yaml": "rules: [] # of an arm",
    "issuer/key.pem": "k",
    "mlflow/artifacts/1/page.html": "<p>",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of its own: a restore replaces whole databases."""
    home, (port,) = tmp_path_factory.mktemp("pg"), free_ports(HOST, 1)
    with running(postgres_server(home, HOST, port), home / "logs"):
        yield f"postgresql+psycopg2://{USER}@{HOST}:{port}"


@pytest.fixture
def settings(server: str, tmp_path: Path) -> Settings:
    """An installation with nothing in it, whose databases are empty but for the schema."""
    name = f"headwater_{uuid.uuid4().hex[:8]}"
    port = sa.make_url(server).port
    assert port is not None
    create_databases(HOST, port, [name])
    upgrade(f"{server}/{name}")
    return Settings(home=tmp_path / "home", database_url=f"{server}/{name}")


@pytest.fixture
def lived(settings: Settings) -> Settings:
    """An installation with a champion, a run in MLflow's database, keys and rules."""
    published(ReleaseStore(settings.releases), ID)
    engine = connect(settings.database_url)
    Pointers(engine).move(CHAMPION, ID, 0, **WHO)
    engine.dispose()
    mlflow(settings, "CREATE TABLE IF NOT EXISTS runs (name TEXT)", "TRUNCATE runs", "INSERT INTO runs VALUES ('one')")
    for path, text in FILES.items():
        (settings.home / path).parent.mkdir(parents=True, exist_ok=True)
        (settings.home / path).write_text(text)
    return settings


def mlflow(settings: Settings, *statements: str) -> None:
    engine = sa.create_engine(sa.make_url(settings.database_url).set(database="mlflow"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_what_is_lost_comes_back(lived: Settings, tmp_path: Path) -> None:
    backups.backup(lived, tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    engine = connect(lived.database_url)
    Pointers(engine).move(CHAMPION, None, 1, **WHO)
    engine.dispose()
    mlflow(lived, "DROP TABLE runs")
    elsewhere = Settings(home=tmp_path / "new", database_url=lived.database_url)
    backups.restore(elsewhere, tmp_path / "kept", force=True)
    engine = connect(lived.database_url)
    assert Pointers(engine).get(CHAMPION).release_id == ID
    engine.dispose()
    mlflow(lived, "SELECT name FROM runs")
    ReleaseStore(elsewhere.releases).verify(ID)
    assert (elsewhere.home / "models" / "ranker" / str(int(ID[1:], 16)) / "saved_model.pb").is_file()
    for path in FILES:
        assert (elsewhere.home / path).read_text() == (lived.home / path).read_text()


def test_nothing_is_replaced_unless_forced(lived: Settings, tmp_path: Path) -> None:
    backups.backup(lived, tmp_path / "kept")
    with pytest.raises(ConflictError, match=r"releases \(1\), .*release_pointers \(1\) of its own: use --force"):
        backups.restore(lived, tmp_path / "kept")
    with pytest.raises(ConflictError, match="exists"):
        backups.backup(lived, tmp_path / "kept")


def test_an_empty_installation_takes_a_backup_without_force(
    lived: Settings, settings: Settings, tmp_path: Path
) -> None:
    backups.backup(lived, tmp_path / "kept")
    engine = connect(settings.database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE release_pointers, release_audit"))
    engine.dispose()
    empty = Settings(home=tmp_path / "empty", database_url=settings.database_url)
    assert backups.restore(empty, tmp_path / "kept").files
    assert [manifest.id for manifest in ReleaseStore(empty.releases).list()] == [ID]


def test_a_cut_backup_leaves_nothing_under_its_name(
    lived: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backups, "flush_tree", cut)
    with pytest.raises(KeyboardInterrupt):
        backups.backup(lived, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    with pytest.raises(NotFoundError, match="no whole backup"):
        backups.restore(lived, tmp_path / "kept", force=True)


@pytest.mark.parametrize("harm", ["change", "remove"])
def test_a_file_that_changed_or_is_gone_is_named(lived: Settings, tmp_path: Path, harm: str) -> None:
    backups.backup(lived, tmp_path / "kept")
    dump = tmp_path / "kept" / "headwater.dump"
    dump.write_bytes(b"x") if harm == "change" else dump.unlink()
    with pytest.raises(InvalidInputError, match=r"headwater\.dump"):
        backups.restore(lived, tmp_path / "kept", force=True)


def test_a_backup_of_the_first_schema_is_brought_to_this_one(lived: Settings, tmp_path: Path) -> None:
    engine = connect(lived.database_url)
    with engine.begin() as connection:
        newer = sa.inspect(connection).get_table_names()
        for table in set(newer) - {"release_pointers", "release_audit", VERSION_TABLE}:
            connection.execute(sa.text(f"DROP TABLE {table} CASCADE"))
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    backups.backup(lived, tmp_path / "kept")
    upgrade(lived.database_url)
    backups.restore(lived, tmp_path / "kept", force=True)
    assert sorted(sa.inspect(engine).get_table_names()) == sorted(newer)
    assert Pointers(engine).get(CHAMPION).release_id == ID
    engine.dispose()


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    nobody = Settings(home=tmp_path, database_url="postgresql+psycopg2://headwater@127.0.0.1:9/headwater")
    with pytest.raises(HeadwaterError, match="pg_dump of database headwater failed"):
        backups.backup(nobody, tmp_path / "kept")
    assert not list(tmp_path.iterdir())
