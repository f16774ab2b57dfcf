"""A connection to some ClickHouse: what a backend must be able to do. Everything above it is shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from storage.capabilities import Capabilities
from storage.model import Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """An Array column of numbers: row i is values[offsets[i] : offsets[i + 1]]; offsets: int64 (n + 1,)."""

    offsets: Int64Array
    values: npt.NDArray[Any]


Column: TypeAlias = npt.NDArray[np.generic] | Sequence[str] | Ragged
"""A numeric column as a numpy array, a String column as a sequence of str, an Array column as `Ragged`."""


class Session(Protocol):
    """Runs SQL. Safe from any thread. Raises `UnavailableError` and `StorageError`, nothing else."""

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to the same tables."""

    def execute(self, sql: str) -> None:
        """Run a statement that has no answer."""

    def select(self, sql: str, has_text: bool = False) -> list[npt.NDArray[Any]]:
        """The answer's columns in order, numeric ones with their own dtype; may be no columns when no rows.

        `has_text` must be True if any column is a String; such columns are object arrays of str.
        """

    def select_ragged(self, sql: str, ragged: int) -> tuple[list[npt.NDArray[Any]], list[Ragged]]:
        """An answer whose last `ragged` columns are arrays of numbers; none of the others is a String.

        May be no columns when there are no rows.
        """

    def insert(self, table: str, columns: Mapping[str, Column], token: str | None = None) -> None:
        """Append rows given by column. A repeat with the same `token` is stored once where the engine can."""

    def close(self) -> None:
        """Release connections. Idempotent."""
