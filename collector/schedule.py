"""When passes happen: at fixed moments of the clock, a target's own phase apart from others'."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

# A pass that starts this late, as a share of the interval, is stamped with the time it really started.
_LATE = 0.01


@dataclass(frozen=True, slots=True)
class Schedule:
    """Ticks at k * interval_ms + phase_ms since the epoch; equal distances compress best."""

    interval_ms: int
    phase_ms: int

    @staticmethod
    def of(interval_s: float, identity: str) -> Schedule:
        """A schedule whose phase follows from who sends, so that a fleet is spread over the interval."""
        interval_ms = max(1, round(interval_s * 1000))
        return Schedule(interval_ms, xxhash.xxh64_intdigest(identity.encode()) % interval_ms)

    def after(self, now_ms: int) -> int:
        """The first tick after `now_ms`."""
        return ((now_ms - self.phase_ms) // self.interval_ms + 1) * self.interval_ms + self.phase_ms

    def stamp(self, tick_ms: int, now_ms: int) -> int:
        """The timestamp of a pass that was due at `tick_ms` and starts at `now_ms`."""
        return tick_ms if 0 <= now_ms - tick_ms <= self.interval_ms * _LATE else now_ms

    def missed(self, tick_ms: int, now_ms: int) -> int:
        """How many further ticks have gone by when the pass of `tick_ms` starts."""
        return max(0, (now_ms - tick_ms) // self.interval_ms)
