"""The Java archives of Kafka and of Spark's Kafka connector: fetched by Ivy, pinned by SHA-256 in ``jars.lock``.

Ivy comes with pyspark and asks Maven Central (or the mirror that the machine is set up for). What it
brings is taken only when its checksum is that of the lock; a file that is there already is never fetched again.
"""

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError
from lake.spark_jars import jar_folder
from stack.java import require_java

LOCK: Final = Path(__file__).with_name("jars.lock")
PATTERN: Final = "[artifact]-[revision](-[classifier]).[ext]"
FETCH_SECONDS: Final = 900
ON_DEMAND: Final = frozenset({"s3", "flink"})
"""Sets that ``make setup`` leaves out: whoever needs them fetches them."""


@dataclass(frozen=True)
class JarSet:
    """Jars that are used together: the coordinates ``group:artifact:version`` asked for, and every file's SHA-256."""

    name: str
    roots: tuple[str, ...]
    files: Mapping[str, str]


def read_lock(lock: Path = LOCK) -> dict[str, JarSet]:
    """The pinned sets by name."""
    content = tomllib.loads(lock.read_text())
    return {
        name: JarSet(name, tuple(section["roots"]), dict(section["files"])) for name, section in sorted(content.items())
    }


def jar_files(name: str) -> list[Path]:
    """The files of a set, for ``spark.jars``. Raises HeadwaterError when one is missing."""
    folder = jar_folder(name)
    files = [folder / file for file in read_lock()[name].files]
    if not all(file.exists() for file in files):
        raise HeadwaterError(f"The jars of {name} are missing from {folder}: run make setup.")
    return files


def checksum(file: Path) -> str:
    """SHA-256 of a file in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(file: Path, expected: str) -> None:
    """Raises HeadwaterError when the file is not the pinned one."""
    found = checksum(file)
    if found != expected:
        raise HeadwaterError(f"{file.name} has SHA-256 {found} and not {expected} as in jars.lock: it was refused.")


def fetch(jars: JarSet, folder: Path, say: Callable[[str], None], resolve: Callable[[JarSet, Path], None]) -> None:
    """Brings ``folder`` to hold exactly the pinned files of ``jars``; ``resolve`` puts candidates into a folder."""
    if all((folder / name).exists() and checksum(folder / name) == pin for name, pin in jars.files.items()):
        return
    started = time.monotonic()
    say(f"fetching {len(jars.files)} jars for {jars.name} ({', '.join(jars.roots)})")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as staging:
        resolve(jars, Path(staging))
        for name, pin in jars.files.items():
            if not (Path(staging) / name).exists():
                raise HeadwaterError(f"{name} was not among what was fetched for {jars.name}: run make setup again.")
            verify(Path(staging) / name, pin)
        for name in jars.files:
            (Path(staging) / name).replace(folder / name)
    for other in folder.iterdir():
        if other.name not in jars.files:
            other.unlink()
    say(f"{jars.name}: {len(jars.files)} jars in {time.monotonic() - started:.0f} s")


def resolve_with_ivy(jars: JarSet, target: Path) -> None:
    """Lets Ivy put the roots and all that they need into ``target``. Raises HeadwaterError with Ivy's last word."""
    dependencies = "".join(
        f'<dependency org="{group}" name="{artifact}" rev="{version}" conf="default->default"/>'
        for group, artifact, version in (root.split(":") for root in jars.roots)
    )
    ivy_file = target / "ivy.xml"
    ivy_file.write_text(
        f'<ivy-module version="2.0"><info organisation="headwater" module="{jars.name}"/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{dependencies}</dependencies></ivy-module>"
    )
    command = [require_java(), "-jar", str(_ivy_jar()), "-cache", str(target / "cache"), "-ivy", str(ivy_file)]
    command += ["-confs", "default", "-types", "jar", "bundle", "-retrieve", f"{target}/{PATTERN}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise HeadwaterError(
            f"The jars of {jars.name} did not come in {FETCH_SECONDS} s: run make setup again."
        ) from error
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise HeadwaterError(
            f"The jars of {jars.name} could not be fetched ({lines[-1] if lines else 'no reason given'})."
        )


def _ivy_jar() -> Path:
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise HeadwaterError("pyspark is missing: run make setup.")
    return next((Path(found.origin).parent / "jars").glob("ivy-*.jar"))


def write_lock(jar_sets: Mapping[str, JarSet], lock: Path = LOCK) -> None:
    """Writes the lock: the form that ``read_lock`` reads."""
    text = ["# Pinned by `python -m stack.jars lock`; a fetched file with another SHA-256 is refused.\n"]
    for jars in jar_sets.values():
        roots = ", ".join(f'"{root}"' for root in jars.roots)
        text.append(f"\n[{jars.name}]\nroots = [{roots}]\n\n[{jars.name}.files]\n")
        text += [f'"{name}" = "{pin}"\n' for name, pin in sorted(jars.files.items())]
    lock.write_text("".join(text))


def pin(jars: JarSet, present: frozenset[str]) -> JarSet:
    """Fetches what the roots need now and pins it, less the files in ``present`` (those that Spark has already)."""
    with tempfile.TemporaryDirectory() as staging:
        resolve_with_ivy(jars, Path(staging))
        files = {file.name: checksum(file) for file in Path(staging).glob("*.jar") if file.name not in present}
    return JarSet(jars.name, jars.roots, files)


def main(arguments: list[str]) -> int:
    """``fetch`` (the pinned files; of a set on demand where one is named) or ``lock`` (pin anew what the roots in
    jars.lock need)."""

    def say(message: str) -> None:
        sys.stderr.write(f"{message}\n")

    try:
        sets = read_lock()
        if arguments == ["lock"]:
            own = frozenset(file.name for file in _ivy_jar().parent.glob("*.jar"))
            write_lock({name: pin(jars, own if name != "kafka" else frozenset()) for name, jars in sets.items()})
        elif arguments[:1] == ["fetch"] and set(arguments[1:]) <= ON_DEMAND:
            for name in arguments[1:] or sorted(sets.keys() - ON_DEMAND):
                fetch(sets[name], jar_folder(name), say, resolve_with_ivy)
        else:
            say(f"usage: python -m stack.jars fetch [{'|'.join(sorted(ON_DEMAND))}] | lock")
            return 2
    except HeadwaterError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
