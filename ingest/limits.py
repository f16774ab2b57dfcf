"""What is accepted: sizes, lengths, times. What is beyond a limit is refused, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import DecodeError
from storage.model import METRIC_NAME, Labels, canonical

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one tenant. Lengths are bytes of UTF-8; times are relative to the clock, inclusive.

    max_request_rows: series, samples and metadata of one request, each. It bounds memory where
    `max_decoded_bytes` cannot, since an empty sample takes two bytes of a body and fifty of columns.
    max_pending_bytes: of all bodies together while they arrive; body_timeout_s: how long one may take.
    active_window_ms: how long a series counts towards `max_series` after its last sample. Of new series a
    minute and samples a second 0 allows any number.
    """

    max_body_bytes: int = 32 * _MIB
    max_pending_bytes: int = 512 * _MIB
    body_timeout_s: float = 60.0
    max_decoded_bytes: int = 256 * _MIB
    max_request_rows: int = 1_000_000
    max_series: int = 2_000_000
    active_window_ms: int = 3_600_000
    max_new_series_a_minute: int = 0
    max_samples_per_s: int = 0
    max_refused_series: int = 10_000
    max_labels: int = 60
    max_label_name_bytes: int = 1_024
    max_label_value_bytes: int = 16_384
    max_future_ms: int = 600_000
    max_past_ms: int = 31 * 86_400_000

    def time_bounds(self, now_ms: int) -> tuple[int, int]:
        """The oldest and the newest timestamp that are accepted at `now_ms`, inclusive."""
        return now_ms - self.max_past_ms, now_ms + self.max_future_ms

    def checked(self, pairs: Sequence[tuple[str, str]]) -> Labels:
        """The canonical form of a series' labels. Raises `DecodeError` that names the rule they break."""
        labels = canonical(pairs)
        check_names(pairs)
        if not dict(labels).get(METRIC_NAME):
            raise DecodeError(f"series {dict(labels)!r} has no metric name (label {METRIC_NAME!r})")
        if len(labels) > self.max_labels:
            raise DecodeError(
                f"series has {len(labels)} labels, the limit (ingest.max_labels) is {self.max_labels}"
            )
        for name, value in labels:
            self._check_lengths(name, value)
        return labels

    def _check_lengths(self, name: str, value: str) -> None:
        if not name:
            raise DecodeError(f"label with the value {value!r} has no name")
        if len(name.encode()) > self.max_label_name_bytes:
            raise DecodeError(
                f"label name {name[:40]!r}… has {len(name.encode())} bytes, "
                f"the limit (ingest.max_label_name_bytes) is {self.max_label_name_bytes}"
            )
        if len(value.encode()) > self.max_label_value_bytes:
            raise DecodeError(
                f"label {name!r} has a value of {len(value.encode())} bytes, "
                f"the limit (ingest.max_label_value_bytes) is {self.max_label_value_bytes}"
            )


def check_names(pairs: Sequence[tuple[str, str]]) -> None:
    """Raise `DecodeError` where a label stands twice."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DecodeError(f"label {twice!r} stands twice in one series")
