"""What the store refuses for good is set aside with its reason, and what stands behind it goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from ingest import writer as writer_module
from ingest.buffer import Batch
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from ingest.quarantine import Quarantine
from ingest.segment import Position, segment_path
from storage.clickhouse import ClickHouseStorage
from storage.errors import StorageError, UnavailableError
from storage.model import Labels, SampleBatch, canonical, metric_id
from storage.passing import is_passing
from tests.peers import wait_until
from tests.storage.building import ALWAYS, batch, series_row

NOW_MS = 1_700_000_000_000
Write = Callable[[SampleBatch, str], None]


def labels(name: str) -> Labels:
    return canonical({"__name__": name, "job": "a"})


def append(pipeline: Pipeline, name: str, value: float) -> None:
    pipeline.append([labels(name)], np.zeros(1, np.int64), np.array([NOW_MS]), np.array([value]))


def make_pipeline(storage: ClickHouseStorage, directory: Path, registry: CollectorRegistry) -> Pipeline:
    return Pipeline(
        storage, directory, Limits(), registry, clock=lambda: NOW_MS / 1000, flush_interval_s=0.01
    )


def values(storage: ClickHouseStorage, name: str) -> list[float]:
    return storage.read_samples(metric_id(name), None, ALWAYS).values.tolist()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(writer_module, "_FIRST_PAUSE_S", 0.001)
    return


def refusing(storage: ClickHouseStorage, name: str, error: Exception) -> Write:
    write = storage.write_samples

    def write_samples(samples: SampleBatch, token: str) -> None:
        if (samples.metric_ids == np.uint64(metric_id(name))).any():
            raise error
        write(samples, token)

    return write_samples


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("error", [StorageError("Code: 6. bad bytes"), ValueError("not a number")], ids=str)
def test_a_refused_batch_is_set_aside_and_stored_at_a_later_start(
    storage: ClickHouseStorage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    registry = CollectorRegistry()
    first = make_pipeline(storage, tmp_path, registry)
    with monkeypatch.context() as patched:
        patched.setattr(storage, "write_samples", refusing(storage, "poison", error))
        first.start()
        append(first, "poison", 1.0)
        assert first.flush()
        append(first, "sound", 2.0)
        assert first.flush()
        first.stop()

    assert (values(storage, "poison"), values(storage, "sound")) == ([], [2.0])
    assert registry.get_sample_value("swell_ingest_quarantined_samples_total") == 1
    assert registry.get_sample_value("swell_ingest_quarantined_batches") == 1
    assert f"in quarantine until the next start: {error}" in caplog.text
    (held,) = Quarantine(tmp_path / "quarantine", 1 << 20).held()
    assert held.reason == str(error)

    second = make_pipeline(storage, tmp_path, CollectorRegistry())
    second.start()
    second.stop()
    assert values(storage, "poison") == [1.0]
    assert len(Quarantine(tmp_path / "quarantine", 1 << 20)) == 0


@pytest.mark.usefixtures("quickly")
def test_what_is_still_refused_at_the_next_start_stays(
    embedded_storage: ClickHouseStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        embedded_storage, "write_samples", refusing(embedded_storage, "poison", StorageError("no"))
    )
    for name in ("poison", "sound"):
        pipeline = make_pipeline(embedded_storage, tmp_path, CollectorRegistry())
        pipeline.start()
        append(pipeline, name, 1.0)
        assert pipeline.flush()
        pipeline.stop()

    assert len(Quarantine(tmp_path / "quarantine", 1 << 20)) == 1


@pytest.mark.usefixtures("quickly")
def test_a_store_that_is_away_is_waited_for(
    embedded_storage: ClickHouseStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = CollectorRegistry()
    pipeline = make_pipeline(embedded_storage, tmp_path, registry)
    write = refusing(embedded_storage, "late", UnavailableError("away"))
    with monkeypatch.context() as patched:
        patched.setattr(embedded_storage, "write_samples", write)
        pipeline.start()
        append(pipeline, "late", 1.0)
        wait_until(
            lambda: (registry.get_sample_value("swell_ingest_store_errors_total") or 0) > 7, "many attempts"
        )
    assert pipeline.flush()
    pipeline.stop()

    assert values(embedded_storage, "late") == [1.0]
    assert registry.get_sample_value("swell_ingest_quarantined_samples_total") == 0


def a_batch(rows: int = 3) -> Batch:
    samples = batch([(series, 5, float(series)) for series in range(rows)])
    return Batch(samples, [series_row(name="up")], [], Position(1, 99))


def test_a_batch_comes_back_as_it_was(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q", 1 << 20)
    assert quarantine.keep(a_batch(), "1.16-1.99", "because")
    assert quarantine.keep(a_batch(), "1.16-1.99", "because"), "the same batch is kept once"

    again = Quarantine(tmp_path / "q", 1 << 20)
    (held,) = again.held()
    found = again.read(held)

    assert (held.number, held.token, held.reason) == (1, "1.16-1.99", "because")
    assert found is not None
    assert found.samples.values.tolist() == [0.0, 1.0, 2.0]
    assert found.series == [series_row(name="up")]
    again.release(held)
    assert [path.name for path in (tmp_path / "q").iterdir()] == []


def test_a_full_quarantine_takes_nothing(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q", 1_000)

    assert quarantine.keep(a_batch(), "one", "")
    assert not quarantine.keep(a_batch(100), "two", "")
    assert [one.token for one in quarantine.held()] == ["one"]


def test_a_batch_whose_note_is_gone_is_still_there(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, 1 << 20)
    quarantine.keep(a_batch(), "one", "")
    segment_path(tmp_path, 1).with_suffix(".json").write_text("{]")

    (held,) = Quarantine(tmp_path, 1 << 20).held()

    assert "not readable" in held.reason


@pytest.mark.parametrize(
    ("message", "passing"),
    [
        ("Code: 241. DB::Exception: Memory limit exceeded", True),
        ("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space", True),
        ("Code: 6. DB::Exception: Cannot parse string", False),
        ("something without a code", False),
    ],
)
def test_errors_of_the_store_s_state_are_told_from_errors_of_what_was_asked(
    message: str, passing: bool
) -> None:
    assert is_passing(message) == passing
