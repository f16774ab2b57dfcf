"""The tables, and the numbered migrations that make them.

Measured with chDB 26.9 on two busy cores: 20,000 series of counters, gauges of whole pages and CPU seconds,
inserted scrape by scrape, a token each. Bytes a sample after a merge; CPU µs a row to insert 500,000 at once:

    ids, timestamp, value                                                   ids   time  value  CPU
    ZSTD(1), DoubleDelta + ZSTD(1), Delta(8) + ZSTD(1), as below            0.07  0.04  2.44   0.22
    Delta(8) + LZ4, DoubleDelta + LZ4, Delta(8) + ZSTD(1)                   0.14  0.04  2.44   0.23
    Delta(8) + LZ4, DoubleDelta, Delta(8) + ZSTD(1)                         0.14  0.28  2.44   0.27
    Delta(8) + LZ4, DoubleDelta + LZ4, Gorilla + LZ4                        0.14  0.04  4.87   0.20
    Delta(8) + LZ4, DoubleDelta + LZ4, Delta(8) + LZ4                       0.14  0.04  3.95   0.23

Counts of native histograms' buckets, 2,000 series of 40 growing ones, bytes a bucket after a merge:
Delta(8) + ZSTD(1) 1.07, ZSTD(1) 1.22, ZSTD(3) 1.19, DoubleDelta or Gorilla + ZSTD(1) 1.84, LZ4 2.74. A start
timestamp costs 0.4 bytes.

The fsync of an insert costs no CPU that could be told from noise. Parts in the wide form cost the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from storage.capabilities import Capabilities
from storage.errors import SchemaError
from storage.session import Session

DAY_OF_SAMPLE: Final = "toInt32(floor(timestamp / 86400000))"
"""UTC day of a sample, also before 1970; the partition of `samples`."""

DAILY_TABLES: Final = ("samples", "series", "histograms", "exemplars", "starts")
"""Tables whose partitions are UTC days, which retention drops."""

Migration = Callable[[Capabilities], Sequence[str]]


def _codec(able: Capabilities) -> Callable[[str], str]:
    return lambda text: f" CODEC({text})" if able.codecs else ""


def _tables(able: Capabilities) -> Sequence[str]:
    codec = _codec(able)
    return (
        f"""CREATE TABLE IF NOT EXISTS samples (
            metric_id UInt64{codec("ZSTD(1)")},
            series_id UInt64{codec("ZSTD(1)")},
            timestamp Int64{codec("DoubleDelta, ZSTD(1)")},
            value Float64{codec("Delta(8), ZSTD(1)")}
        ) ENGINE = MergeTree PARTITION BY {DAY_OF_SAMPLE}
        ORDER BY (metric_id, series_id, timestamp){_settings(able)}""",
        f"""CREATE TABLE IF NOT EXISTS series (
            metric_id UInt64{codec("ZSTD(1)")},
            series_id UInt64{codec("ZSTD(1)")},
            day Int32{codec("Delta(4), LZ4")},
            name String{codec("ZSTD(1)")},
            labels String{codec("ZSTD(1)")},
            version Int64{codec("Delta(8), LZ4")}
        ) ENGINE = ReplacingMergeTree PARTITION BY day
        ORDER BY (metric_id, series_id){_settings(able)}""",
        """CREATE TABLE IF NOT EXISTS metadata (
            metric String, type String, help String, unit String, version Int64
        ) ENGINE = ReplacingMergeTree(version) PARTITION BY tuple() ORDER BY metric""",
    )


def _tables_beside_samples(able: Capabilities) -> Sequence[str]:
    codec = _codec(able)
    key = f"""
            metric_id UInt64{codec("ZSTD(1)")},
            series_id UInt64{codec("ZSTD(1)")},
            timestamp Int64{codec("DoubleDelta, ZSTD(1)")}"""
    by_day = f"""ENGINE = MergeTree PARTITION BY {DAY_OF_SAMPLE}
        ORDER BY (metric_id, series_id, timestamp){_settings(able)}"""
    return (
        f"""CREATE TABLE IF NOT EXISTS histograms ({key},
            schema Int8{codec("ZSTD(1)")},
            zero_threshold Float64{codec("ZSTD(1)")},
            zero_count Float64{codec("Delta(8), ZSTD(1)")},
            count Float64{codec("Delta(8), ZSTD(1)")},
            sum Float64{codec("Delta(8), ZSTD(1)")},
            hint UInt8{codec("ZSTD(1)")},
            positive_indexes Array(Int32){codec("ZSTD(1)")},
            positive_counts Array(Float64){codec("Delta(8), ZSTD(1)")},
            negative_indexes Array(Int32){codec("ZSTD(1)")},
            negative_counts Array(Float64){codec("Delta(8), ZSTD(1)")},
            bounds Array(Float64){codec("ZSTD(1)")}
        ) {by_day}""",
        f"""CREATE TABLE IF NOT EXISTS histogram_metrics (
            metric_id UInt64
        ) ENGINE = ReplacingMergeTree PARTITION BY tuple() ORDER BY metric_id{_settings(able)}""",
        f"""CREATE TABLE IF NOT EXISTS exemplars ({key},
            value Float64{codec("ZSTD(1)")},
            labels String{codec("ZSTD(1)")}
        ) {by_day}""",
        f"""CREATE TABLE IF NOT EXISTS starts ({key},
            start Int64{codec("Delta(8), ZSTD(1)")}
        ) {by_day}""",
    )


def _settings(able: Capabilities) -> str:
    found = []
    if able.insert_deduplication_token:
        found.append("non_replicated_deduplication_window = 1000")
    if able.fsync:  # the write-ahead log is trimmed once an insert returns
        found.append("fsync_after_insert = 1, fsync_part_directory = 1")
    return f" SETTINGS {', '.join(found)}" if found else ""


def _metrics_with_starts(able: Capabilities) -> Sequence[str]:
    return (
        f"""CREATE TABLE IF NOT EXISTS start_metrics (
            metric_id UInt64
        ) ENGINE = ReplacingMergeTree PARTITION BY tuple() ORDER BY metric_id{_settings(able)}""",
        "INSERT INTO start_metrics SELECT DISTINCT metric_id FROM starts",
    )


def _events_and_sources(able: Capabilities) -> Sequence[str]:
    return (
        f"""CREATE TABLE IF NOT EXISTS events (
            id UInt64, start Int64, end Int64, name String, severity String, type String, details String,
            annotations String, tags String, hosts String
        ) ENGINE = ReplacingMergeTree PARTITION BY tuple() ORDER BY (start, id){_settings(able)}""",
        f"""CREATE TABLE IF NOT EXISTS source_changes (
            source String, kind String, key String, text String, is_set UInt8, version Int64
        ) ENGINE = ReplacingMergeTree(version) PARTITION BY tuple()
        ORDER BY (source, kind, key){_settings(able)}""",
    )


def _documents(able: Capabilities) -> Sequence[str]:
    return (
        f"""CREATE TABLE IF NOT EXISTS documents (
            kind String, id String, version Int64, text String, author String, written Int64, is_deleted UInt8
        ) ENGINE = ReplacingMergeTree PARTITION BY tuple()
        ORDER BY (kind, id, version, written){_settings(able)}""",
    )


MIGRATIONS: Final[Sequence[Migration]] = (
    _tables,
    _tables_beside_samples,
    _metrics_with_starts,
    _events_and_sources,
    _documents,
)
"""Migration n brings the schema from version n to n + 1. Never edit one that was released."""


def migrate(session: Session) -> int:
    """Apply what is missing and return the schema's version.

    Raises `SchemaError` if the store was made by a newer Swell.
    """
    session.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version Int32) "
        "ENGINE = MergeTree PARTITION BY tuple() ORDER BY version"
    )
    (versions,) = session.select("SELECT max(version) FROM migrations")
    version = int(versions[0]) if len(versions) else 0
    if version > len(MIGRATIONS):
        raise SchemaError(
            f"the store has schema version {version}, this Swell knows up to {len(MIGRATIONS)}; "
            "run the newer Swell that made it"
        )
    for number in range(version, len(MIGRATIONS)):
        for statement in MIGRATIONS[number](session.capabilities):
            session.execute(statement)
        session.execute(f"INSERT INTO migrations SELECT toInt32({number + 1})")
    return len(MIGRATIONS)
