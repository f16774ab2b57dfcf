"""Sharding by hash: several collectors share the objects of a large cluster."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """ordinal of so many; objects go by md5 of their uid, modulo the number of shards."""

    ordinal: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.ordinal < self.total:
            raise ValueError(
                f"shard {self.ordinal} of {self.total}: expected a number from 0 to {self.total - 1}"
            )

    def has(self, uid: str) -> bool:
        """Whether an object is this shard's."""
        if self.total == 1:
            return True
        digest = hashlib.md5(uid.encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest) % self.total == self.ordinal
