"""Which requests are answered so soon that they are answered where they arrive, not in a thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from query.parameters import Parameters

_QUICK_S: Final = 0.001
_REMEMBERED: Final = 1_000
_SAME_HOUR_S: Final = 3_600.0


class Quick:
    """Remembers requests whose last answer took less than a millisecond. Of one event loop.

    A request is the same where its query, step, length and hour are: what it reads is in memory then, as it
    was before. Where that is wrong for once, others wait for as long as it takes.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, None] = OrderedDict()

    def key(self, path: str, parameters: Parameters) -> Hashable:
        """What a request is remembered by; None where it never is."""
        end = parameters.text("end") or parameters.text("time")
        try:
            end_s = float(end)
            length_s = end_s - float(parameters.text("start") or end)
        except ValueError:
            return None
        query, step = parameters.text("query"), parameters.text("step")
        return (path, query, step, round(length_s), end_s // _SAME_HOUR_S) if query else None

    def __contains__(self, key: Hashable) -> bool:
        return key in self._known

    def note(self, key: Hashable, took_s: float) -> None:
        """Remember how long an answer took."""
        if key is None:
            return
        if took_s >= _QUICK_S:
            self._known.pop(key, None)
            return
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
