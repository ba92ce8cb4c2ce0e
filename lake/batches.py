"""A stream of batches that knows whether it is empty and counts what went through."""

from collections.abc import Iterator

import pyarrow as pa


class CountedBatches:
    """Wraps a reader. ``rows`` is the number of rows passed on so far."""

    def __init__(self, source: pa.RecordBatchReader) -> None:
        self._source = source
        self._first = next((batch for batch in source if batch.num_rows), None)
        self.rows = 0

    @property
    def empty(self) -> bool:
        """Whether there is no row at all."""
        return self._first is None

    def reader(self) -> pa.RecordBatchReader:
        """The batches, to be read once."""
        return pa.RecordBatchReader.from_batches(self._source.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self._first is not None:
            self.rows += self._first.num_rows
            yield self._first
        for batch in self._source:
            self.rows += batch.num_rows
            yield batch
