"""A ClickHouse server over its native protocol: 18.16, which Debian ships, to 26.x."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
from clickhouse_driver import Client
from clickhouse_driver.errors import Error as DriverError
from clickhouse_driver.errors import NetworkError, ServerException

from storage.capabilities import Capabilities
from storage.clickhouse import ClickHouseStorage
from storage.errors import ConfigError, StorageError, UnavailableError
from storage.passing import PASSING
from storage.pool import Pool
from storage.session import Column, Ragged

_DEFAULT_PORT = 9000
_CONNECT_TIMEOUT_S = 5
_ANSWER_TIMEOUT_S = 300
_BLOCK_ROWS = 4_000_000


def open_server(url: str) -> ClickHouseStorage:
    """Connect to `clickhouse://user:password@host:port/database`, create what is missing there.

    Raises `ConfigError` for a malformed URL, `UnavailableError` when the server cannot be reached and
    `StorageError` when it refuses, for example the password.
    """
    storage = ClickHouseStorage(ServerSession(Address.parse(url)))
    storage.migrate()
    return storage


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and how to log in."""

    host: str
    port: int
    user: str
    password: str
    database: str

    @staticmethod
    def parse(url: str) -> Address:
        """Read `clickhouse://[user[:password]@]host[:port][/database]`. Raises `ConfigError`."""
        expected = "expected clickhouse://user:password@host:port/database"
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORT
        except ValueError as error:
            raise ConfigError(f"storage.url: {error}; {expected}") from None
        database = parts.path.strip("/") or "swell"
        if parts.scheme != "clickhouse" or not parts.hostname:
            raise ConfigError(f"storage.url: no ClickHouse server is named; {expected}")
        if not database.isidentifier() or not database.isascii():
            raise ConfigError(
                f"storage.url: database {database!r} is not a name of letters, digits and underscores"
            )
        return Address(
            parts.hostname,
            port,
            unquote(parts.username or "default"),
            unquote(parts.password or ""),
            database,
        )


class ServerSession:
    """A session on a ClickHouse server; see `storage.session.Session`.

    A connection that broke is opened again by the next query that borrows it.
    """

    is_shared = True

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool: Pool[_Connection] = Pool(lambda: _Connection(address))
        _create_database(address)
        with self._pool.lend() as connection:
            (version,) = connection.select("SELECT version()", has_text=True)
        major, minor = version[0].split(".")[:2]
        self.capabilities = Capabilities.of((int(major), int(minor)))

    def execute(self, sql: str) -> None:
        """Run a statement that has no answer."""
        with self._pool.lend() as connection:
            connection.execute(sql)

    def select(self, sql: str, has_text: bool = False) -> list[npt.NDArray[Any]]:
        """Run a query; numbers arrive as numpy arrays."""
        with self._pool.lend() as connection:
            return connection.select(sql, has_text)

    def select_ragged(self, sql: str, ragged: int) -> tuple[list[npt.NDArray[Any]], list[Ragged]]:
        """Run a query whose last columns are arrays."""
        with self._pool.lend() as connection:
            return connection.select_ragged(sql, ragged)

    def insert(self, table: str, columns: Mapping[str, Column], token: str | None = None) -> None:
        """Send columns as one block, so that they become one part a partition, or none."""
        with self._pool.lend() as connection:
            connection.insert(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES",
                list(columns.values()),
                self.capabilities.insert_settings(token),
            )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Connection:
    """One native connection that speaks numpy columns and Swell's exceptions."""

    def __init__(self, address: Address, database: str | None = None) -> None:
        self._where = f"{address.host}:{address.port}"
        self._client = Client(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.database if database is None else database,
            connect_timeout=_CONNECT_TIMEOUT_S,
            send_receive_timeout=_ANSWER_TIMEOUT_S,
            settings={"use_numpy": True, "insert_block_size": _BLOCK_ROWS},
            client_name="swell",
        )

    def execute(self, sql: str) -> None:
        with self._translated():
            self._client.execute(sql)

    # The driver's numpy strings are as wide as the longest one, so text is read without numpy.
    def select(self, sql: str, has_text: bool) -> list[npt.NDArray[Any]]:
        columns = self._answer(sql, use_numpy=not has_text)
        return [_to_numpy(column, kind) for column, kind in columns]

    def select_ragged(self, sql: str, ragged: int) -> tuple[list[npt.NDArray[Any]], list[Ragged]]:
        columns = self._answer(sql, use_numpy=False)
        flat = len(columns) - ragged if columns else 0
        arrays = [_to_ragged(column, kind) for column, kind in columns[flat:]]
        return [_to_numpy(column, kind) for column, kind in columns[:flat]], arrays

    def _answer(self, sql: str, use_numpy: bool) -> list[tuple[Any, str]]:
        with self._translated():
            columns, names = self._client.execute(
                sql, columnar=True, with_column_types=True, settings={"use_numpy": use_numpy}
            )
        return [(column, kind) for column, (_, kind) in zip(columns, names, strict=False)]

    # The driver takes arrays as lists only, and then all columns.
    def insert(self, sql: str, columns: list[Column], settings: dict[str, Any]) -> None:
        use_numpy = not any(isinstance(column, Ragged) for column in columns)
        sent = [_to_numpy(c, "String") if use_numpy else _to_list(c) for c in columns]
        with self._translated():
            self._client.execute(sql, sent, columnar=True, settings={**settings, "use_numpy": use_numpy})

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into ours. It closes what broke and connects again for the next query."""
        try:
            yield
        except ServerException as error:
            kind = UnavailableError if error.code in PASSING else StorageError
            raise kind(f"ClickHouse at {self._where} refused: {error.message}") from error
        except (NetworkError, OSError, EOFError) as error:
            raise UnavailableError(f"ClickHouse at {self._where} cannot be reached: {error}") from error
        except DriverError as error:
            raise StorageError(
                f"ClickHouse at {self._where}: the answer is not understood: {error}"
            ) from error

    def close(self) -> None:
        self._client.disconnect()


def _create_database(address: Address) -> None:
    connection = _Connection(address, database="")
    try:
        known = f"SELECT name FROM system.databases WHERE name = '{address.database}'"
        if not connection.select(known, has_text=True):  # the right to create may be missing where it exists
            connection.execute(f"CREATE DATABASE IF NOT EXISTS {address.database}")
    finally:
        connection.close()


def _to_ragged(column: Sequence[Sequence[Any]], kind: str) -> Ragged:
    """Lists of a column whose type is written `Array(Float64)`, for example."""
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, column), np.int64, len(column)), out=offsets[1:])
    dtype = np.dtype(kind.removeprefix("Array(").removesuffix(")").lower())
    return Ragged(offsets, np.fromiter(chain.from_iterable(column), dtype, int(offsets[-1])))


def _to_list(column: Column) -> list[Any]:
    if isinstance(column, Ragged):
        values, ends = column.values.tolist(), column.offsets.tolist()
        return [values[start:end] for start, end in pairwise(ends)]
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _to_numpy(column: Any, kind: str) -> npt.NDArray[Any]:
    if isinstance(column, np.ndarray):
        return column
    return np.array(column, dtype=object if kind == "String" else kind.lower())
