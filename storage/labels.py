"""Labels of many series at once, dictionary-coded: a column of codes a label name, never strings a row.

Code 0 is the absent label (the empty string). Within a column every other value stands once, so equal codes
mean equal strings, and grouping or matching never looks at a string more than once a distinct value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import Int32Array, Int64Array, Labels


@dataclass(frozen=True, slots=True, eq=False)
class LabelColumn:
    """One label of n series. codes: int32 (n,), an index into `values`; values[0] is ''."""

    codes: Int32Array
    values: Sequence[str]

    def take(self, rows: Int64Array) -> LabelColumn:
        """The column at `rows`, with the same dictionary."""
        return LabelColumn(self.codes[rows], self.values)

    def recode(self, index: Mapping[str, int]) -> Int32Array:
        """Codes in another dictionary, given as value -> code; -1 where that dictionary lacks the value."""
        mapping = np.fromiter((index.get(value, -1) for value in self.values), np.int32, len(self.values))
        return mapping[self.codes]


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A partition of rows. ids: int64 (n,), the group of each row; first: int64 (groups,), a row of each.

    Groups are numbered in the order of their first row.
    """

    ids: Int64Array
    first: Int64Array

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Labels of `size` series. A name that is missing from `columns` is absent from every series."""

    columns: Mapping[str, LabelColumn]
    size: int

    def __len__(self) -> int:
        return self.size

    @staticmethod
    def from_rows(rows: Iterable[Mapping[str, str] | Labels]) -> LabelTable:
        """Build from label sets; for small tables and tests."""
        dicts = [dict(row) for row in rows]
        columns = {}
        for name in sorted({name for row in dicts for name in row}):
            index: dict[str, int] = {"": 0}
            codes = [index.setdefault(row.get(name, ""), len(index)) for row in dicts]
            columns[name] = LabelColumn(np.array(codes, np.int32), list(index))
        return LabelTable(columns, len(dicts))

    def row(self, i: int) -> dict[str, str]:
        """The labels of series i, sorted by name, absent ones left out."""
        return {
            name: column.values[column.codes[i]]
            for name, column in sorted(self.columns.items())
            if column.codes[i]
        }

    def rows(self) -> list[dict[str, str]]:
        """Every row; the edge of the engine, where an answer becomes text."""
        found: list[dict[str, str]] = [{} for _ in range(self.size)]
        for name, column in sorted(self.columns.items()):
            values = column.values
            for i, code in enumerate(column.codes.tolist()):
                if code:
                    found[i][name] = values[code]
        return found

    def values(self, name: str) -> list[str]:
        """The value of one label for every series, '' where absent."""
        column = self.columns.get(name)
        if column is None:
            return [""] * self.size
        return [column.values[code] for code in column.codes.tolist()]

    def take(self, rows: Int64Array) -> LabelTable:
        """The series at `rows` (int64 indices), in that order."""
        return LabelTable({name: column.take(rows) for name, column in self.columns.items()}, len(rows))

    def keep(self, names: Collection[str]) -> LabelTable:
        """Only the labels in `names`."""
        return LabelTable({n: c for n, c in self.columns.items() if n in names}, self.size)

    def drop(self, names: Collection[str]) -> LabelTable:
        """All labels but those in `names`."""
        return LabelTable({n: c for n, c in self.columns.items() if n not in names}, self.size)

    def with_column(self, name: str, column: LabelColumn) -> LabelTable:
        """Add or replace one label."""
        return LabelTable({**self.columns, name: column}, self.size)

    def with_values(self, name: str, values: Sequence[str]) -> LabelTable:
        """Add or replace one label by strings, one a series; '' removes it."""
        index: dict[str, int] = {"": 0}
        codes = np.fromiter((index.setdefault(v, len(index)) for v in values), np.int32, self.size)
        return self.with_column(name, LabelColumn(codes, list(index)))

    def group(self) -> Grouping:
        """Partition the rows by equal label sets."""
        keys = np.zeros(self.size, np.int64)
        width = 1
        for column in self.columns.values():
            if width * len(column.values) >= 1 << 62:
                keys, width = _dense(keys)
            keys = keys * len(column.values) + column.codes
            width *= len(column.values)
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty(len(first), np.int64)
        rank[order] = np.arange(len(first))
        return Grouping(rank[inverse], first[order].astype(np.int64))


def concat(tables: Sequence[LabelTable]) -> LabelTable:
    """Stack tables, merging their dictionaries."""
    if len(tables) == 1:
        return tables[0]
    columns = {}
    for name in sorted({name for table in tables for name in table.columns}):
        index: dict[str, int] = {"": 0}
        parts = []
        for table in tables:
            column = table.columns.get(name)
            if column is None:
                parts.append(np.zeros(table.size, np.int32))
                continue
            for value in column.values:
                index.setdefault(value, len(index))
            parts.append(column.recode(index))
        columns[name] = LabelColumn(np.concatenate(parts), list(index))
    return LabelTable(columns, sum(table.size for table in tables))


def _dense(keys: Int64Array) -> tuple[Int64Array, int]:
    """Renumber keys to 0..k-1, so that a further column cannot overflow 64 bits."""
    distinct, inverse = np.unique(keys, return_inverse=True)
    return inverse.astype(np.int64), max(len(distinct), 1)
