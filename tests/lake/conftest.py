"""A lake on disk and one on a local S3 server: the same tests pass on both."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from lake.store import Lake


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of a real S3 server of this session."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_lake(s3_endpoint: str, request: pytest.FixtureRequest) -> Lake:
    """An empty lake in a bucket of its own."""
    bucket = f"lake-{abs(hash(request.node.nodeid))}"
    httpx.put(f"{s3_endpoint}/{bucket}").raise_for_status()
    return Lake(f"s3://{bucket}/root", s3_endpoint=s3_endpoint)


@pytest.fixture(params=["disk", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake, once on disk and once on S3."""
    if request.param == "disk":
        return Lake(str(tmp_path / "lake"))
    return request.getfixturevalue("s3_lake")  # type: ignore[no-any-return]
