"""Files of Parquet: columns in row groups."""

from collections.abc import Collection, Iterator
from typing import IO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from custodians.bundled.files import Row, Wanted

_BATCH_ROWS: Final = 1_000


class Parquet:
    """Rows that stay keep their values, order, schema and compression."""

    def search(self, file: IO[bytes], looking: Wanted) -> Iterator[Row]:
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
            yield from (row for row in batch.filter(_mask(batch, looking)).to_pylist() if looking.names(row))

    def copy_without(self, source: IO[bytes], target: IO[bytes], *, key: str, gone: Collection[str]) -> int:
        parquet = pq.ParquetFile(source)
        values = pa.array(sorted(gone), pa.string())
        removed = 0
        with pq.ParquetWriter(target, parquet.schema_arrow, compression=_compression(parquet)) as writer:
            for n in range(parquet.num_row_groups):
                group = parquet.read_row_group(n)
                going = pc.is_in(_as_text(_column(group, key)), value_set=values)
                staying = group.filter(pc.invert(going))
                removed += len(group) - len(staying)
                writer.write_table(staying)
        return removed

    def columns(self, file: IO[bytes]) -> set[str]:
        return set(pq.ParquetFile(file).schema_arrow.names)


def _mask(batch: pa.RecordBatch, looking: Wanted) -> pa.Array:
    """Choose the rows that may match without making Python objects of the others."""
    mask = pa.array([False] * len(batch))
    for column, values in looking.values.items():
        if "." in column:  # inside a struct: looked at row by row
            return pa.array([True] * len(batch))
        text = _as_text(batch.column(column))
        text = pc.utf8_lower(text) if column in looking.folded else text
        found = pc.is_in(text, value_set=pa.array(sorted(values), pa.string()))
        mask = pc.or_(mask, found)
    return mask


def _column(group: pa.Table, path: str) -> pa.ChunkedArray:
    """Return the column at a dotted path."""
    first, *inside = path.split(".")
    column = group.column(first)
    return pc.struct_field(column, inside) if inside else column


def _as_text(column: pa.Array) -> pa.Array:
    return pc.cast(column, pa.string())


def _compression(parquet: pq.ParquetFile) -> str:
    if not parquet.num_row_groups:
        return "snappy"
    name = str(parquet.metadata.row_group(0).column(0).compression).lower()
    return "none" if name == "uncompressed" else name
