"""Line protocol read by regular expressions, line by line: the other opinion in its tests."""

from __future__ import annotations

import re

_MEASUREMENT = re.compile(r"(?:\\[^\n]|[^,\s\\])+?(?=(?<!\\)[, ])")
_TAG = re.compile(r",((?:\\[^\n]|[^,=\s\\])+)=((?:\\[^\n]|[^,\s\\])*)")
_KEY = re.compile(r"((?:\\[^\n]|[^,=\s\\])+)=")
_VALUE = re.compile(
    r'(?P<string>"(?:\\[\s\S]|[^"\\])*")|(?P<whole>-?\d+i|\d+u)|'
    r"(?P<true>t|T|true|True|TRUE)(?=[,\s]|$)|(?P<false>f|F|false|False|FALSE)(?=[,\s]|$)|"
    r"(?P<float>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
)
_END = re.compile(r" *(-?\d+)? *(?:\n|$)")

Sample = tuple[dict[str, str], int, float]


def samples(text: str, now_ms: int) -> list[Sample]:
    """The samples of well-formed lines, timestamps in nanoseconds."""
    found: list[Sample] = []
    at = 0
    while at < len(text):
        at = _line(text, at, now_ms, found)
    return found


def _line(text: str, at: int, now_ms: int, found: list[Sample]) -> int:
    head = _MEASUREMENT.match(text, at)
    assert head, text[at : at + 40]
    tags, at = {}, head.end()
    while tag := _TAG.match(text, at):
        if tag[2]:
            tags[_plain(tag[1], ",= ")] = _plain(tag[2], ",= ")
        at = tag.end()
    values = []
    while text[at] in ", ":
        key = _KEY.match(text, at + 1)
        if key is None:
            break
        value = _VALUE.match(text, key.end())
        assert value, text[key.end() :][:40]
        at = value.end()
        if value["string"] is None:
            name = _plain(head[0], ", ") + ("" if key[1] == "value" else "_" + _plain(key[1], ",= "))
            values.append((name, _number(value)))
    end = _END.match(text, at)
    assert end, text[at : at + 40]
    time_ms = int(end[1]) // 1_000_000 if end[1] else now_ms
    found.extend(({"__name__": name, **tags}, time_ms, number) for name, number in values)
    return end.end()


def _number(value: re.Match[str]) -> float:
    if value["true"] or value["false"]:
        return 1.0 if value["true"] else 0.0
    return float((value["whole"] or value["float"]).rstrip("iu"))


def _plain(text: str, escaped: str) -> str:
    return re.sub(rf"\\([{re.escape(escaped)}])", r"\1", text)
