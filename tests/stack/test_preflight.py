"""A machine that will not do is told so in one sentence with what to do."""

from pathlib import Path

import pytest

from contracts.errors import HeadwaterError
from stack.java import java_binary, java_version, require_java
from stack.preflight import DISK_NEEDED, MEMORY_NEEDED, check_machine


def test_this_machine_does(tmp_path: Path) -> None:
    check_machine(tmp_path / "not" / "yet", memory=MEMORY_NEEDED, disk=DISK_NEEDED)


def test_too_little_memory(tmp_path: Path) -> None:
    with pytest.raises(HeadwaterError, match=r"^1\.0 GiB of memory .* end other programs first\.$"):
        check_machine(tmp_path, memory=1 << 30)


def test_too_little_disk(tmp_path: Path) -> None:
    with pytest.raises(HeadwaterError, match=r"^0\.5 GiB of disk .* set HEADWATER_HOME"):
        check_machine(tmp_path, memory=MEMORY_NEEDED, disk=1 << 29)


def test_no_java() -> None:
    with pytest.raises(HeadwaterError, match=r"^Java is missing: install OpenJDK 17"):
        java_binary({"PATH": "/nonexistent"})


def test_an_old_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    assert java_version(str(java)) == 11
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(HeadwaterError, match="Java 11 is too old"):
        require_java()


def test_a_java_that_does_not_run(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    with pytest.raises(HeadwaterError, match="is no working Java"):
        java_version(str(java))
