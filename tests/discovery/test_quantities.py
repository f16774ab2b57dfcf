"""Durations and sizes are Prometheus's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.discovery.quantities import duration_ms, duration_text, size_bytes
from storage.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("15s", 15_000),
        ("1m30s", 90_000),
        ("1h2m3s4ms", 3_723_004),
        ("1y1w1d", 32_227_200_000),
    ],
)
def test_a_duration_is_read(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "15", "1.5s", "-1s", "s", "1s1m", " 1s", "1S", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration such as"):
        duration_ms(text)


@given(st.integers(0, 10**12))
def test_a_duration_that_is_printed_is_read_back(milliseconds: int) -> None:
    assert duration_ms(duration_text(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("10B", 10),
        ("1KB", 1024),
        ("1KiB", 1024),
        ("64MB", 64 << 20),
        ("1.5GB", 3 << 29),
        (".5KB", 512),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "10", "10mb", "1 MB", "-1B", "MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a size such as 64MB"):
        size_bytes(text)
