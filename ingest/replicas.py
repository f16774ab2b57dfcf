"""Pairs of Prometheus that scrape the same targets: one of them is heard, the other stands by.

A sender names its pair by one label and itself by another, which is taken off its series. The first one heard
of a pair is elected; another is elected when it has been silent for `failover_ms` by the server's clock. The
state is this process's own: where several processes take samples, each elects for itself, and what two of
them store twice is collapsed by the reader, since both replicas' series are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from storage.errors import DecodeError
from storage.model import BoolArray, Int32Array

_MOST_REPLICAS: Final = 20_000
_NOBODY: Final = 0


@dataclass(frozen=True, slots=True)
class ReplicaLabels:
    """Which labels name a pair and a member of it, and after how much silence another member is heard."""

    cluster: str = "cluster"
    replica: str = "__replica__"
    failover_ms: int = 30_000


class Election:
    """Who of each pair is heard. Not safe from several threads at once."""

    def __init__(self, labels: ReplicaLabels) -> None:
        self._labels = labels
        self._codes: dict[tuple[str, str], int] = {}
        self._names: list[tuple[str, str]] = [("", "")]
        self._elected: dict[str, int] = {}
        self._heard_ms: dict[str, int] = {}

    def strip(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], int]:
        """The labels without the replica's, and the replica's code; 0 where they do not name both.

        Raises `DecodeError` where there are more replicas than anybody runs.
        """
        found = dict(pairs)
        cluster, replica = found.get(self._labels.cluster, ""), found.get(self._labels.replica, "")
        if not cluster or not replica:
            return list(pairs), _NOBODY
        code = self._codes.get((cluster, replica))
        if code is None:
            if len(self._names) > _MOST_REPLICAS:
                raise DecodeError(
                    f"replica {replica!r} of cluster {cluster!r} comes after {_MOST_REPLICAS} others"
                )
            code = self._codes[cluster, replica] = len(self._names)
            self._names.append((cluster, replica))
        return [pair for pair in pairs if pair[0] != self._labels.replica], code

    def heard(self, codes: Int32Array, now_ms: int) -> BoolArray:
        """Which series, by their replicas' codes, int32 (series,), are of a replica that is heard."""
        distinct = np.unique(codes[codes > _NOBODY])
        passing = np.ones(len(self._names), np.bool_)
        for code in distinct.tolist():
            passing[code] = self._is_heard(code, now_ms)
        return passing[np.maximum(codes, _NOBODY)]

    def _is_heard(self, code: int, now_ms: int) -> bool:
        cluster, _ = self._names[code]
        silent_ms = now_ms - self._heard_ms.get(cluster, now_ms)
        if self._elected.setdefault(cluster, code) != code:
            # A clock that steps back must not keep a dead replica elected.
            if 0 <= silent_ms < self._labels.failover_ms:
                return False
            self._elected[cluster] = code
        self._heard_ms[cluster] = now_ms
        return True

    def describe(self, code: int) -> str:
        """A replica for people."""
        cluster, replica = self._names[code]
        heard = self._names[self._elected[cluster]][1]
        return f"replica {replica!r} of cluster {cluster!r} stands by for {heard!r}"
