"""Addresses on S3. Credentials are found the way AWS's own tools find them."""

from typing import TYPE_CHECKING

from pyarrow import fs

if TYPE_CHECKING:
    from s3fs import S3FileSystem


def storage_options(endpoint: str, region: str) -> dict[str, str]:
    """What the Delta writer needs: commits by conditional put, so that two writers never both win.

    ``endpoint`` is that of a server other than AWS, empty for AWS.
    """
    options = {"AWS_REGION": region, "aws_conditional_put": "etag"}
    if endpoint:
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false"}
    if endpoint.startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options


def filesystem(endpoint: str, region: str) -> "S3FileSystem":
    """S3 as fsspec has it, for readers of single files such as DuckDB."""
    from s3fs import S3FileSystem  # takes a second, which a lake on disk does without

    return S3FileSystem(endpoint_url=endpoint or None, client_kwargs={"region_name": region})


def folders(uri: str, endpoint: str, region: str) -> list[str]:
    """Names of the folders right under ``s3://bucket/prefix``, in order; none when the prefix is absent."""
    scheme, _, host = endpoint.rpartition("://")
    filesystem = fs.S3FileSystem(region=region, endpoint_override=host or None, scheme=scheme or "https")
    entries = filesystem.get_file_info(fs.FileSelector(uri.removeprefix("s3://"), allow_not_found=True))
    return sorted(entry.base_name for entry in entries if entry.type == fs.FileType.Directory)
