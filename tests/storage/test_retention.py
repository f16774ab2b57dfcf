"""Days that have expired go, all others stay."""

import pytest

from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.errors import UnavailableError
from storage.model import DAY_MS, Matcher, MatchOp
from storage.retention import Retention, drop_expired
from tests.storage.building import ALWAYS, batch, series_row

NOON = DAY_MS // 2
UP = Matcher("__name__", MatchOp.EQUAL, "up")


def fill(storage: ClickHouseStorage, days: list[int]) -> None:
    storage.write_samples(batch([(1, day * DAY_MS + NOON, 1.0) for day in days]), "one")
    storage.write_series([series_row(day, name="up", seen=str(day)) for day in days])


def days_of(storage: ClickHouseStorage) -> list[int]:
    return [at // DAY_MS for at in storage.read_samples(1, None, ALWAYS).timestamps_ms.tolist()]


def test_only_days_that_ended_before_the_horizon_are_dropped(storage: ClickHouseStorage) -> None:
    fill(storage, [-3, -1, 0, 1, 2])

    assert storage.drop_before(DAY_MS + 5) == 6
    assert days_of(storage) == [1, 2]
    assert storage.read_series(None, 0).first_days.tolist() == [1, 2]
    assert storage.drop_before(DAY_MS + 5) == 0


def test_a_sample_is_kept_for_the_days_of_retention(storage: ClickHouseStorage) -> None:
    fill(storage, [100, 101, 102])
    now_ms = 103 * DAY_MS + 1

    assert drop_expired(storage, None, now_ms, retention_days=2) == 2
    assert days_of(storage) == [101, 102]


def test_the_catalogue_forgets_expired_series(embedded_storage: ClickHouseStorage) -> None:
    fill(embedded_storage, [100, 101, 102])
    embedded_storage.write_series([series_row(100, name="gone")])
    catalogue = Catalogue(embedded_storage)
    catalogue.select([], ALWAYS)

    drop_expired(embedded_storage, catalogue, 103 * DAY_MS, retention_days=2)

    assert catalogue.label_values("seen", [[UP]], ALWAYS) == ["101", "102"]
    assert catalogue.label_values("__name__", [], ALWAYS) == ["up"]
    embedded_storage.write_series([series_row(102, name="gone")])
    assert catalogue.label_values("__name__", [], ALWAYS) == ["gone", "up"]


def test_retention_runs_every_hour_and_outlives_a_store_that_is_away(
    embedded_storage: ClickHouseStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(embedded_storage, [100, 101])
    now_s = [101 * 86_400.0]
    drop = embedded_storage.drop_before

    def wait(seconds: float) -> bool:
        now_s[0] += seconds
        return now_s[0] >= 102.5 * 86_400

    def away_for_a_day(timestamp_ms: int) -> int:
        if now_s[0] < 102 * 86_400:
            raise UnavailableError("away")
        return drop(timestamp_ms)

    monkeypatch.setattr(embedded_storage, "drop_before", away_for_a_day)
    retention = Retention(embedded_storage, 1, lambda: now_s[0], wait)
    retention.run()

    assert days_of(embedded_storage) == [101]
    assert caplog.text.count("cannot drop expired days: away") == 24


def test_a_stopped_retention_drops_nothing(embedded_storage: ClickHouseStorage) -> None:
    fill(embedded_storage, [1])
    retention = Retention(embedded_storage, 1, lambda: 9e9, lambda _: False)
    retention.stop()

    retention.run()

    assert days_of(embedded_storage) == [1]
