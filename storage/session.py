"""A connection to some ClickHouse: what a backend must be able to do. Everything above it is shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from storage.capabilities import Capabilities

Column: TypeAlias = npt.NDArray[np.generic] | Sequence[str]
"""A numeric column as a numpy array, a String column as a sequence of str."""


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

    def insert(self, table: str, columns: Mapping[str, Column], token: str | None = None) -> None:
        """Append rows given by column. A repeat with the same `token` is stored once where the engine can."""

    def close(self) -> None:
        """Release connections. Idempotent."""
