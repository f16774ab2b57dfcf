"""What one query may cost."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import LimitError


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Limits and defaults of the engine. `max_cells` bounds series x steps of any one node.

    `warm_bytes` is what recently read samples may occupy in memory; 0 keeps none.
    """

    lookback_ms: int = 300_000
    subquery_step_ms: int = 60_000
    timeout_s: float = 120.0
    max_series: int = 500_000
    max_samples: int = 50_000_000
    max_cells: int = 100_000_000
    warm_bytes: int = 512 * 1024 * 1024

    def check(self, what: str, value: int, limit: int) -> None:
        """Raise `LimitError` when `value` is over `limit`; `what` is the noun and the setting's last part."""
        if value > limit:
            raise LimitError(
                f"query needs {value} {what}, the limit (query.max_{what}) is {limit}; "
                "narrow the selector, the range or the step"
            )
