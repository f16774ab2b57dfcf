"""What a ClickHouse of a given version can do. Read once at connect; nothing else asks for versions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Flags of one store.

    codecs: per-column CODEC clauses (19.x). arrow: results as Arrow streams (20.x). fsync: an insert is on
    disk when it returns (20.10). insert_deduplication_token: a retry with the same token is stored once
    (22.x). limits_partitions: an insert into more than 100 days is refused unless asked otherwise (19.x).
    to_grid: `timeSeries*ToGrid` aggregates with left-open windows (25.9).
    """

    version: tuple[int, int]
    codecs: bool
    insert_deduplication_token: bool
    limits_partitions: bool
    fsync: bool
    arrow: bool
    to_grid: bool

    def insert_settings(self, token: str | None) -> dict[str, str | int]:
        """Settings of an insert that carries `token`."""
        found: dict[str, str | int] = {}
        if self.limits_partitions:
            found["max_partitions_per_insert_block"] = 0
        if token and self.insert_deduplication_token:
            found["insert_deduplication_token"] = token
        return found

    @staticmethod
    def of(version: tuple[int, int]) -> Capabilities:
        """The flags of a server's (major, minor) version."""
        return Capabilities(
            version=version,
            codecs=version >= (19, 14),
            insert_deduplication_token=version >= (22, 2),
            limits_partitions=version >= (19, 1),
            fsync=version >= (20, 10),
            arrow=version >= (20, 6),
            to_grid=version >= (25, 9),
        )
