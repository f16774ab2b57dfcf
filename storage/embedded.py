"""ClickHouse inside the process (chDB): the default backend.

One process owns a directory, and a process has one directory. A connection serialises its queries, so each
query borrows its own. A tenant is a database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.capabilities import Capabilities
from storage.clickhouse import ClickHouseStorage
from storage.errors import ConfigError, StorageError, UnavailableError
from storage.passing import is_passing
from storage.pool import Pool
from storage.session import Column, Ragged

_MOST_IN_SMALL_LIST = 2**31 - 1
_RAW_ARROW = " SETTINGS output_format_arrow_compression_method = 'none'"


def open_embedded(directory: Path, tenant: str = "swell") -> ClickHouseStorage:
    """Open or create the store in `directory`, with its schema up to date.

    Raises `ConfigError` when the directory is another process's or the tenant's name is not an identifier.
    """
    storage = ClickHouseStorage(EmbeddedSession(directory, tenant))
    storage.migrate()
    return storage


class EmbeddedSession:
    """A session on chDB; see `storage.session.Session`."""

    is_shared = False

    def __init__(self, directory: Path, tenant: str) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tenant):
            raise ConfigError(f"tenant: {tenant!r} is not a name of letters, digits and underscores")
        directory.mkdir(parents=True, exist_ok=True)
        self._path = str(directory.resolve())
        self._tenant = tenant
        self._pool: Pool[Any] = Pool(self._connect)
        with self._pool.lend() as connection:
            version = bytes(connection.query("SELECT version()", "TabSeparated").bytes()).decode()
        major, minor = version.split(".")[:2]
        self.capabilities = Capabilities.of((int(major), int(minor)))

    def execute(self, sql: str) -> None:
        """Run a statement that has no answer."""
        self._query(sql, "Null")

    def select(self, sql: str, has_text: bool = False) -> list[npt.NDArray[Any]]:
        """Run a query and take its answer as Arrow, which costs no copy of numeric columns."""
        return [_to_numpy(column) for column in self._answer(sql)]

    def select_ragged(self, sql: str, ragged: int) -> tuple[list[npt.NDArray[Any]], list[Ragged]]:
        """Run a query whose last columns are arrays."""
        columns = self._answer(sql)
        flat = len(columns) - ragged if columns else 0
        return [_to_numpy(column) for column in columns[:flat]], [_to_ragged(c) for c in columns[flat:]]

    def insert(self, table: str, columns: Mapping[str, Column], token: str | None = None) -> None:
        """Insert through an Arrow table that chDB reads in place."""
        rows = pa.table({name: _to_arrow(column) for name, column in columns.items()})
        settings = ", ".join(f"{n} = {v!r}" for n, v in self.capabilities.insert_settings(token).items())
        names = ", ".join(columns)
        self._query(
            f"INSERT INTO {table} ({names}) SETTINGS {settings} SELECT {names} FROM Python(rows)",
            "Null",
            rows,
        )

    def close(self) -> None:
        """Close all connections; the directory is free once no session of the process uses it."""
        self._pool.close()

    def _answer(self, sql: str) -> list[Any]:
        result = self._query(sql + _RAW_ARROW, "ArrowStream")
        return list(pa.ipc.open_stream(result.bytes()).read_all().columns) if result.size() else []

    # chDB finds `rows` by its name among the caller's local variables.
    def _query(self, sql: str, form: str, rows: Any = None) -> Any:
        with self._pool.lend() as connection:
            try:
                return connection.query(sql, form)
            except Exception as error:
                kind = UnavailableError if is_passing(str(error)) else StorageError
                raise kind(f"chDB: {error}") from error

    def _connect(self) -> Any:
        try:
            connection = chdb.connect(self._path)
            connection.query(f"CREATE DATABASE IF NOT EXISTS {self._tenant}")
            connection.query(f"USE {self._tenant}")
        except Exception as error:
            raise ConfigError(
                f"data_dir: cannot open the store in {self._path!r}; is another process using it? ({error})"
            ) from error
        return connection


def _to_arrow(column: Column) -> Any:
    if isinstance(column, Ragged):
        # chDB takes seven times as long over lists of 64-bit offsets.
        small = len(column.values) <= _MOST_IN_SMALL_LIST
        kind, offsets = (pa.ListArray, np.int32) if small else (pa.LargeListArray, np.int64)
        return kind.from_arrays(pa.array(column.offsets.astype(offsets)), pa.array(column.values))
    if isinstance(column, np.ndarray) and column.dtype != object:
        return pa.array(column)
    return pa.array(column, type=pa.string())


def _to_numpy(column: Any) -> npt.NDArray[Any]:
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        return np.array(column.cast(pa.string()).to_pylist(), dtype=object)
    if column.num_chunks == 1:
        return np.asarray(column.chunk(0).to_numpy(zero_copy_only=True))
    return np.asarray(column.to_numpy())


def _to_ragged(column: Any) -> Ragged:
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    sizes = [np.diff(chunk.offsets.to_numpy()) for chunk in chunks]
    offsets = np.zeros(sum(map(len, sizes)) + 1, np.int64)
    np.cumsum(np.concatenate([*sizes, np.empty(0, np.int64)]), out=offsets[1:])
    parts = [chunk.flatten().to_numpy() for chunk in chunks]
    empty = np.empty(0, column.type.value_type.to_pandas_dtype())
    return Ragged(offsets, np.concatenate([*parts, empty]))
