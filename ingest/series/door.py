"""What becomes of a label set before it is a series: pairs of senders are made one, rules are applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ingest.limits import check_names
from ingest.relabel.rules import Rule, relabel
from ingest.replicas import Election, ReplicaLabels
from storage.model import BoolArray, Int32Array

DROPPED: Final = -1
"""In place of a replica's code: a rule drops the series."""


class Door:
    """Rewrites label sets, each once. Not safe from several threads at once."""

    def __init__(self, rules: Sequence[Rule] = (), replicas: ReplicaLabels | None = None) -> None:
        self._rules = tuple(rules)
        self._election = None if replicas is None else Election(replicas)

    @property
    def is_open(self) -> bool:
        """Whether everything passes as it comes."""
        return not self._rules and self._election is None

    def admit(self, pairs: Sequence[tuple[str, str]]) -> tuple[Sequence[tuple[str, str]], int]:
        """The labels to store, and the code of the replica that sent them: 0 for none, `DROPPED`.

        Raises `DecodeError` where a name stands twice.
        """
        check_names(pairs)
        code = 0
        if self._election is not None:
            pairs, code = self._election.strip(pairs)
        if not self._rules:
            return pairs, code
        left = relabel(self._rules, dict(pairs))
        return ((), DROPPED) if left is None else (list(left.items()), code)

    def passing(self, codes: Int32Array, now_ms: int) -> BoolArray:
        """Which series of a request are taken, by their codes, int32 (series,)."""
        passes: BoolArray = codes != DROPPED
        if self._election is not None:
            passes &= self._election.heard(codes, now_ms)
        return passes

    def explain(self, code: int) -> tuple[str, str]:
        """(reason, in words) why a series with a code is not taken."""
        if code == DROPPED or self._election is None:
            return "relabel", "a rule of ingest.relabel_file drops the series"
        return "replica", self._election.describe(code)
