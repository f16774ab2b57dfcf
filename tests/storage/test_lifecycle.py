"""Opening, upgrading, losing and closing a store."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from storage import schema
from storage.capabilities import Capabilities
from storage.clickhouse import ClickHouseStorage
from storage.embedded import open_embedded
from storage.errors import ConfigError, SchemaError, StorageError, UnavailableError
from storage.server import Address, open_server
from tests.peers import ClickHouseServer
from tests.storage.building import ALWAYS, as_rows, batch, series_row

SAMPLES = batch([(1, 0, 1.0), (2, 0, 2.0)])


def test_migrations_run_again_change_nothing(storage: ClickHouseStorage) -> None:
    storage.write_samples(SAMPLES, "one")

    assert storage.migrate() == storage.migrate() == len(schema.MIGRATIONS)
    assert as_rows(storage.read_samples(1, None, ALWAYS)) == as_rows(SAMPLES)


def test_a_migration_that_is_missing_is_applied_alone(
    storage: ClickHouseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write_samples(SAMPLES, "one")
    added = (*schema.MIGRATIONS, lambda _: ["ALTER TABLE samples ADD COLUMN extra UInt8"])
    monkeypatch.setattr(schema, "MIGRATIONS", added)

    assert storage.migrate() == storage.migrate() == len(added)
    assert as_rows(storage.read_samples(1, None, ALWAYS)) == as_rows(SAMPLES)


def test_the_schema_of_a_newer_swell_is_refused(storage: ClickHouseStorage) -> None:
    storage._session.execute("INSERT INTO migrations SELECT toInt32(99)")

    with pytest.raises(SchemaError, match=r"schema version 99, this Swell knows up to \d+"):
        storage.migrate()


FLAGS = [
    ((19, 1), "limits_partitions"),
    ((19, 14), "codecs"),
    ((20, 6), "arrow"),
    ((20, 10), "fsync"),
    ((22, 2), "insert_deduplication_token"),
    ((25, 9), "to_grid"),
]


@pytest.mark.parametrize("version", [(18, 16), *(version for version, _ in FLAGS), (22, 8), (26, 9)], ids=str)
def test_a_version_tells_what_a_store_can_do(version: tuple[int, int]) -> None:
    able = Capabilities.of(version)

    assert {flag for _, flag in FLAGS if getattr(able, flag)} == {
        flag for since, flag in FLAGS if since <= version
    }


def test_codecs_are_left_out_where_they_are_not_known() -> None:
    (samples, *_) = schema.MIGRATIONS[0](Capabilities.of((18, 16)))

    assert "CODEC" not in samples
    assert "SETTINGS" not in samples


def test_a_refused_query_names_the_reason(storage: ClickHouseStorage) -> None:
    with pytest.raises(StorageError, match=r"no_such_table"):
        storage._session.select("SELECT * FROM no_such_table")

    assert storage.series_version() >= 0, "the connection is still of use"


def test_threads_query_at_once(storage: ClickHouseStorage) -> None:
    storage.write_samples(SAMPLES, "one")
    found = []

    def read() -> None:
        found.extend(len(storage.read_samples(1, None, ALWAYS)) for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [2] * 30


def test_tenants_of_one_directory_do_not_meet(embedded_root: Path) -> None:
    one, other = open_embedded(embedded_root, "one"), open_embedded(embedded_root, "other")
    one.write_samples(SAMPLES, "t")
    one.write_series([series_row(0, name="up")])

    assert len(other.read_samples(1, None, ALWAYS)) == 0
    assert other.read_metrics() == []
    one.close()
    other.close()


def test_closing_twice_is_harmless_and_what_was_written_stays(embedded_root: Path) -> None:
    storage = open_embedded(embedded_root, "closed")
    storage.write_samples(SAMPLES, "one")
    storage.close()
    storage.close()

    again = open_embedded(embedded_root, "closed")
    assert as_rows(again.read_samples(1, None, ALWAYS)) == as_rows(SAMPLES)
    again.close()


@pytest.mark.parametrize("tenant", ["", "a-b", "1a", "a;b", "a.b", "ä"])
def test_a_tenant_is_an_identifier(embedded_root: Path, tenant: str) -> None:
    with pytest.raises(ConfigError, match="is not a name of letters, digits and underscores"):
        open_embedded(embedded_root, tenant)


@pytest.mark.slow
def test_a_directory_of_another_process_is_refused(
    embedded_storage: ClickHouseStorage, embedded_root: Path
) -> None:
    embedded_storage.write_samples(SAMPLES, "one")
    program = f"""
from pathlib import Path
from storage.embedded import open_embedded
from storage.errors import ConfigError
try:
    open_embedded(Path({str(embedded_root)!r}), "other")
except ConfigError as error:
    print("refused:", error)
"""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=False, capture_output=True, text=True, timeout=60
    )

    assert run.stdout.startswith("refused: data_dir: cannot open the store in"), run.stdout + run.stderr
    assert "is another process using it?" in run.stdout


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("clickhouse://h", Address("h", 9000, "default", "", "swell")),
        ("clickhouse://h:9001/db", Address("h", 9001, "default", "", "db")),
        ("clickhouse://u:p%40%2F@h/db", Address("h", 9000, "u", "p@/", "db")),
        ("clickhouse://[::1]:9001/", Address("::1", 9001, "default", "", "swell")),
    ],
)
def test_a_url_names_a_server(url: str, address: Address) -> None:
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:9000",
        "http://h/db",
        "clickhouse://",
        "clickhouse://h:x/db",
        "clickhouse://h/a-b",
        "clickhouse://h/a/b",
    ],
)
def test_a_malformed_url_names_the_key(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^storage\.url: "):
        Address.parse(url)


def test_a_password_is_not_in_the_message_of_a_malformed_url() -> None:
    with pytest.raises(ConfigError) as caught:
        Address.parse("clickhouse://user:secret@h:port/db")

    assert "secret" not in str(caught.value)


@pytest.mark.peers
def test_a_wrong_password_is_refused(clickhouse_server: ClickHouseServer) -> None:
    with pytest.raises(StorageError, match="refused"):
        open_server(f"clickhouse://default:wrong@127.0.0.1:{clickhouse_server.port}/db")


@pytest.mark.peers
def test_a_server_that_was_away_is_used_again(
    server_storage: ClickHouseStorage, clickhouse_server: ClickHouseServer
) -> None:
    server_storage.write_samples(SAMPLES, "one")
    more = batch([(3, 0, 3.0)])

    clickhouse_server.stop()
    try:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            server_storage.write_samples(more, "two")
        with pytest.raises(UnavailableError, match="cannot be reached"):
            server_storage.read_samples(1, None, ALWAYS)
        with pytest.raises(UnavailableError, match="cannot be reached"):
            open_server(clickhouse_server.url("other"))
    finally:
        clickhouse_server.start()
    server_storage.write_samples(more, "two")

    found = server_storage.read_samples(1, None, ALWAYS)
    np.testing.assert_array_equal(found.series_ids, [1, 2, 3])
