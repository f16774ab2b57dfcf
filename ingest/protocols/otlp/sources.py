"""What the series of one resource and scope have in common, and the `target_info` of the resource.

The rules are those of Prometheus's OTLP receiver: `job` is service.namespace/service.name, `instance`
service.instance.id; attributes that meet under one name are joined by ";".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ingest.protocols.otlp.attributes import Reader, Value, as_text, text_of
from ingest.protocols.otlp.names import Strategy, label_name
from ingest.wire.encoding import encode_labels
from storage.model import METRIC_NAME

_SERVICE: Final = ("service.namespace", "service.name", "service.instance.id")
_TARGET_INFO: Final = "target_info"
_KEPT_BYTES: Final = 32 << 20

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Options:
    """How names and labels are made.

    promote: resource attributes that become labels of every series. scope_labels: whether the scope's name,
    version, schema URL and attributes do. starts: whether start times are stored. max_delta_series: series
    whose deltas are added up, 0 refuses deltas. max_known_bytes: memory for data points that are recognised.
    """

    strategy: Strategy = Strategy.ESCAPED_WITH_SUFFIXES
    promote: tuple[str, ...] = ()
    scope_labels: bool = False
    starts: bool = True
    max_delta_series: int = 1_000_000
    max_known_bytes: int = 256 << 20


@dataclass(slots=True)
class Kept(Generic[_Key, _Kept]):
    """What was made once, up to so many bytes; then it is made again."""

    size_bytes: int = 0
    items: dict[_Key, _Kept] = field(default_factory=dict)

    def keep(self, key: _Key, item: _Kept, size_bytes: int) -> _Kept:
        """Remember an item that takes about so many bytes."""
        if self.size_bytes > _KEPT_BYTES:
            self.items, self.size_bytes = {}, 0
        self.size_bytes += size_bytes + 256
        self.items[key] = item
        return item


@dataclass(frozen=True, slots=True)
class Source:
    """A resource and a scope; `number` is its own.

    promoted: labels that give way to attributes of data points; fixed: labels that do not. own: both as label
    bytes. info: the label bytes of `target_info`, empty where the resource has none.
    """

    number: int
    strategy: Strategy
    promoted: Mapping[str, str]
    fixed: Mapping[str, str]
    own: bytes
    info: bytes

    @classmethod
    def of(
        cls, number: int, resource: bytes, scope: bytes, schema_url: bytes, options: Options, reader: Reader
    ) -> Source:
        """Read messages Resource and InstrumentationScope. Raises `DecodeError` and `LimitError`."""
        attributes = reader.pairs(resource, 1)
        known = dict(reversed(attributes))
        strategy = options.strategy
        identity = _identity(known)
        promoted = {
            label_name(strategy, key): as_text(known[key]) for key in sorted(options.promote) if key in known
        }
        fixed = _scope_labels(scope, schema_url, strategy, reader) if options.scope_labels else {}
        fixed |= identity
        rest = [pair for pair in attributes if pair[0] not in _SERVICE]
        info = b""
        if rest and identity:
            named = merged(strategy, rest) | identity | {METRIC_NAME: _TARGET_INFO}
            info = label_bytes(named)
        return cls(number, strategy, promoted, fixed, label_bytes(promoted | fixed), info)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Labels without a value, which take away those that a data point has."""
        return tuple(name for name, value in self.fixed.items() if not value)

    def with_attributes(self, attributes: Iterable[tuple[str, Value]], own_label: str) -> bytes:
        """Label bytes of the series of a data point, without its name and its own label (`le`)."""
        labels = {**self.promoted, **merged(self.strategy, attributes), **self.fixed}
        for name in (METRIC_NAME, own_label or METRIC_NAME):
            labels.pop(name, None)
        return label_bytes(labels)


def merged(strategy: Strategy, attributes: Iterable[tuple[str, Value]]) -> dict[str, str]:
    """Labels of attributes; those that meet under one name are joined in the order of their keys."""
    labels: dict[str, str] = {}
    for key, value in sorted(attributes, key=lambda pair: pair[0]):
        name, text = label_name(strategy, key), as_text(value)
        labels[name] = f"{labels[name]};{text}" if name in labels else text
    return labels


def label_bytes(labels: Mapping[str, str]) -> bytes:
    """Sorted by name; a label without a value is none."""
    return encode_labels(sorted((name, value) for name, value in labels.items() if value))


def _identity(known: Mapping[str, Value]) -> dict[str, str]:
    found = {}
    if "service.name" in known:
        job = as_text(known["service.name"])
        if "service.namespace" in known:
            job = f"{as_text(known['service.namespace'])}/{job}"
        found["job"] = job
    if "service.instance.id" in known:
        found["instance"] = as_text(known["service.instance.id"])
    return found


def _scope_labels(scope: bytes, schema_url: bytes, strategy: Strategy, reader: Reader) -> dict[str, str]:
    """Message InstrumentationScope: string name = 1, string version = 2, KeyValue attributes = 3."""
    texts = {number: content for number, _, content in reader.fields(scope) if isinstance(content, bytes)}
    if not texts.get(1):
        return {}
    labels = {
        "otel_scope_name": text_of(texts[1]),
        "otel_scope_version": text_of(texts.get(2, b"")),
        "otel_scope_schema_url": text_of(schema_url),
    }
    for key, value in reader.pairs(scope, 3):
        labels[label_name(strategy, "otel_scope_" + key)] = as_text(value)
    return labels
