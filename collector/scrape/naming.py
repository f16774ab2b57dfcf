"""What a series of a target is called: its own labels, the target's, the rules, the limits. Once a series.

Semantics: Prometheus's scrape loop (`mutateSampleLabels`, `resolveConflictingExposedLabels`,
`verifyLabelLimits`), and its external labels, which remote write adds where a series has none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.target import Bounds, Target
from ingest.relabel.rules import relabel
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError, ScrapeError
from storage.model import METRIC_NAME

DROPPED: Final = b""
"""Stands for the labels of a series that the rules drop."""
_EXPORTED: Final = "exported_"


@dataclass(frozen=True, slots=True)
class Naming:
    """Names series of one target. external: labels of every series that lacks them, after all rules."""

    target: Target
    external: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, own: Sequence[tuple[str, str]]) -> bytes:
        """The encoded labels of a series with these labels of its own, `DROPPED` where a rule drops it.

        Raises `DecodeError` where they are no labels, `ScrapeError` beyond a limit.
        """
        labels = dict(own)
        if len(labels) != len(own):
            raise DecodeError(f"a label stands twice in {dict(own)!r:.200}")
        merged = self._honored(labels) if self.target.honor_labels else self._overruled(labels)
        found = {name: value for name, value in merged.items() if value}
        if self.target.rules:
            found = relabel(self.target.rules, found) or {}
            if not found:
                return DROPPED
        if METRIC_NAME not in found:
            raise DecodeError(f"a series has no name: {found!r:.200}")
        _check(found, self.target.bounds)
        return self._finished(found)

    def report(self, name: str) -> bytes:
        """The encoded labels of a series that the scraper itself makes."""
        return self._finished({**self.target.labels, METRIC_NAME: name})

    def _honored(self, labels: dict[str, str]) -> dict[str, str]:
        return {**self.target.labels, **labels}

    def _overruled(self, labels: dict[str, str]) -> dict[str, str]:
        conflicts = [(name, labels[name]) for name in self.target.labels if labels.get(name)]
        merged = {**labels, **self.target.labels}
        # The shortest first, so that who is moved out of the way of another is so in a fixed order.
        for name, value in sorted(conflicts, key=lambda pair: len(pair[0])):
            moved = _EXPORTED + name
            while merged.get(moved):
                moved = _EXPORTED + moved
            merged[moved] = value
        return merged

    def _finished(self, labels: Mapping[str, str]) -> bytes:
        return encode_labels(sorted({**self.external, **labels}.items()))


def _check(labels: Mapping[str, str], bounds: Bounds) -> None:
    if bounds.labels and len(labels) > bounds.labels:
        raise ScrapeError(
            f"{labels[METRIC_NAME]!r} has {len(labels)} labels, the limit (label_limit) is {bounds.labels}",
            "label_limit",
        )
    if not bounds.label_name_bytes and not bounds.label_value_bytes:
        return
    for name, value in labels.items():
        for text, limit, setting in (
            (name, bounds.label_name_bytes, "label_name_length_limit"),
            (value, bounds.label_value_bytes, "label_value_length_limit"),
        ):
            if limit and len(text.encode()) > limit:
                raise ScrapeError(
                    f"{text[:80]!r} of {labels[METRIC_NAME]!r} has {len(text.encode())} bytes, "
                    f"the limit ({setting}) is {limit}",
                    setting,
                )
