"""Files of a lake on S3, as readers of single files see them."""

import duckdb
import pyarrow as pa

from contracts.catalogue import Item
from lake.s3 import filesystem
from lake.store import Lake


def test_duckdb_reads_what_the_lake_committed(s3_lake: Lake, s3_endpoint: str) -> None:
    rows = [Item(item_id=f"i{number}").model_dump() for number in range(3)]
    s3_lake.append("items", pa.Table.from_pylist(rows, schema=Item.arrow_schema()))
    with duckdb.connect() as connection:
        connection.register_filesystem(filesystem(s3_endpoint, "us-east-1"))
        found = connection.read_parquet(s3_lake.files("items")).project("item_id").fetchall()
    assert sorted(found) == [("i0",), ("i1",), ("i2",)]
