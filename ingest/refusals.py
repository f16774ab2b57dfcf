"""What was not stored, by reason, with the last examples: for the one who asks where the samples are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.decoded import Refusal
from ingest.metrics import IngestMetrics
from storage.errors import DecodeError, Error, LimitError, OverloadedError, RateLimitError

_EXAMPLES: Final = 10
_EXAMPLE_CHARS: Final = 400


@dataclass(slots=True)
class _Reason:
    samples: int = 0
    requests: int = 0
    examples: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_EXAMPLES))


class Refusals:
    """Counts what one pipeline did not store. Safe from any thread.

    Reasons are names of the code's own, so that there are few of them.
    """

    def __init__(self, metrics: IngestMetrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._reasons: dict[str, _Reason] = {}

    def note(self, protocol: str, now_ms: int, refused: Mapping[str, Refusal], is_wanted: bool) -> None:
        """Count samples that were left out of a request that was taken.

        is_wanted: they are left out because the operator asked for it, which no sender is told.
        """
        counter = self._metrics.dropped if is_wanted else self._metrics.refused
        for reason, refusal in refused.items():
            counter.labels(reason).inc(refusal.count)
            self._add(reason, protocol, now_ms, refusal.count, refusal.example)

    def note_request(self, protocol: str, now_ms: int, error: Error) -> None:
        """Count a request that was refused whole; nobody knows how many samples it had."""
        reason = _reason(error)
        self._metrics.refused_requests.labels(reason).inc()
        self._add(reason, protocol, now_ms, None, str(error))

    def _add(self, name: str, protocol: str, now_ms: int, samples: int | None, example: str) -> None:
        with self._lock:
            reason = self._reasons.setdefault(name, _Reason())
            reason.samples += samples or 0
            reason.requests += samples is None
            reason.examples.append(
                {
                    "time_ms": now_ms,
                    "protocol": protocol,
                    "samples": samples,
                    "example": example[:_EXAMPLE_CHARS],
                }
            )

    def report(self) -> list[dict[str, Any]]:
        """Every reason by name, its counts since the start, and its last examples, the newest first."""
        with self._lock:
            return [
                {
                    "reason": name,
                    "samples": reason.samples,
                    "requests": reason.requests,
                    "examples": list(reversed(reason.examples)),
                }
                for name, reason in sorted(self._reasons.items())
            ]


def _reason(error: Error) -> str:
    if isinstance(error, RateLimitError):
        return "samples_a_second"
    if isinstance(error, OverloadedError):
        return "overloaded"
    if isinstance(error, LimitError):
        return "request_too_large"
    return "broken_request" if isinstance(error, DecodeError) else "wrong_request"
