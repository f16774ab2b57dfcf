"""Times as the API writes them (RFC 3339) in seconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def moment(text: str | None) -> float | None:
    """Whole seconds since the epoch, None where there is no time. Raises `ValueError` for other text."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return float(int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()))
