"""Jars for Spark, found where setup puts them."""

import sys
from pathlib import Path

import pytest

from contracts.errors import HeadwaterError
from lake.spark_jars import installed


def test_jars_that_were_not_fetched_are_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(HeadwaterError, match=r"jars for s3 are not in .*: run make s3"):
        installed("s3", "make s3")
    folder = tmp_path / "share" / "headwater" / "jars" / "s3"
    folder.mkdir(parents=True)
    (folder / "one.jar").touch()
    assert installed("s3", "make s3") == [folder / "one.jar"]
