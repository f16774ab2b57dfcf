"""JSON as collectd's write_http plugin posts it: a list of value lists.

Format: collectd's wiki, "JSON". Names and labels are those of collectd's own Prometheus exporter, so that its
dashboards and rules go on: `collectd_<plugin>_<type>[_<data source>][_total]`.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from ingest.decoded import Decoded
from ingest.text.gathered import Gathered
from ingest.text.numbers import milliseconds
from storage.errors import DecodeError, LimitError
from storage.model import Metadata

_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9_:]")
_COUNTERS: Final = ("counter", "derive")
_TYPES: Final = (*_COUNTERS, "gauge", "absolute")
_COMMAS_A_ROW: Final = 64


def decode(raw: bytes, now_ms: int, max_rows: int) -> Decoded:
    """Read value lists; one that is wrong is refused alone.

    Raises `DecodeError` for what is no JSON list, `LimitError` for more than `max_rows` values.
    """
    if raw.count(b",") > _COMMAS_A_ROW * max_rows:
        raise LimitError(f"the body has more values than {max_rows} rows (ingest.max_request_rows) may have")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"the body is not JSON: {error}") from None
    if not isinstance(body, list):
        raise DecodeError(f"the body is a {type(body).__name__}, expected a list of value lists")
    gathered = Gathered(max_rows)
    for count, values in enumerate(body, 1):
        try:
            _take(values, now_ms, gathered)
        except DecodeError as error:
            gathered.refuse("malformed_value_list", f"value list {count}: {error}")
    return gathered.decoded()


def _take(found: object, now_ms: int, gathered: Gathered) -> None:
    if not isinstance(found, dict):
        raise DecodeError(f"{str(found)[:40]!r} is not an object")
    values, types, sources = (_listed(found, key) for key in ("values", "dstypes", "dsnames"))
    if not len(values) == len(types) == len(sources):
        raise DecodeError(
            f"{len(values)} values, {len(types)} dstypes, {len(sources)} dsnames; expected as many"
        )
    labels = _labels(found)
    time = found.get("time")
    time_ms = milliseconds(time) if isinstance(time, int | float) and time else now_ms
    for value, kind, source in zip(values, types, sources, strict=True):
        if kind not in _TYPES:
            raise DecodeError(f"dstype {str(kind)[:20]!r} is not one of {', '.join(_TYPES)}")
        if not isinstance(value, int | float | None) or isinstance(value, bool):
            raise DecodeError(f"value {str(value)[:20]!r} is not a number")
        if value is None:  # collectd's way to say that it does not know
            continue
        name = _name(found, str(source), kind in _COUNTERS)
        gathered.metadata[Metadata(name, "counter" if kind in _COUNTERS else "gauge", "", "")] = None
        gathered.add(gathered.series_of(name, labels), time_ms, float(value))


def _name(found: dict[str, object], source: str, is_counter: bool) -> str:
    plugin, kind = _text(found, "plugin"), _text(found, "type")
    parts = ["collectd", plugin] if plugin == kind else ["collectd", plugin, kind]
    if source != "value":
        parts.append(source)
    if is_counter:
        parts.append("total")
    return _NO_NAME.sub("_", "_".join(parts))


def _labels(found: dict[str, object]) -> list[tuple[str, str]]:
    """The plugin's instance is a label named after it; the type's takes that place where it is free."""
    plugin = _NO_NAME.sub("_", _text(found, "plugin"))
    if not plugin or not _text(found, "type"):
        raise DecodeError("'plugin' or 'type' is missing")
    own, kind = _text(found, "plugin_instance"), _text(found, "type_instance")
    labels = [("instance", _text(found, "host")), (plugin, own or kind)]
    if own and kind:
        labels.append(("type", kind))
    return labels


def _text(found: dict[str, object], key: str) -> str:
    value = found.get(key) or ""
    if not isinstance(value, str):
        raise DecodeError(f"{key!r} is not a text")
    return value


def _listed(found: dict[str, object], key: str) -> list[object]:
    value = found.get(key)
    if not isinstance(value, list):
        raise DecodeError(f"{key!r} is missing or not a list")
    return value
