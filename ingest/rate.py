"""How many a second: a bucket that fills at a rate, and from which whole requests are paid."""

from __future__ import annotations


class TokenBucket:
    """Lets `per_s` through a second on average. Not safe from several threads at once.

    What comes at once may overdraw it, once it holds anything: a request that is larger than the bucket is
    paid for by a longer wait of the next one, and not refused for ever. `burst` is what it holds at most;
    it begins full. Times are seconds of any clock; one that steps back fills nothing.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._held = burst
        self._filled_s: float | None = None

    def held(self, now_s: float) -> float:
        """What may be taken now; not more than zero where the bucket is empty."""
        if self._filled_s is not None and now_s > self._filled_s:
            self._held = min(self._burst, self._held + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s
        return self._held

    def take(self, count: float) -> None:
        """Pay for what `held` let through."""
        self._held -= count

    @property
    def wait_s(self) -> float:
        """Seconds from the last `held` on until something can be taken; 0 where it can be at once."""
        return 0.0 if self._held > 0 else (1 - self._held) / self._per_s
