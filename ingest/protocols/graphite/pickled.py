"""Graphite's pickle protocol: frames of a length (4 bytes, big-endian) and a pickled list of samples.

A sample is `(path, (timestamp, value))`. Pickle's own reader runs what it is told to; this one knows lists,
tuples, numbers and texts, in memory that the frame's length bounds, and refuses everything else.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Final, cast

from ingest.decoded import Decoded
from ingest.protocols.graphite.lines import series_of
from ingest.text.gathered import Gathered
from ingest.text.numbers import milliseconds, number
from storage.errors import DecodeError

MAX_FRAME_BYTES: Final = 1 << 20
"""What Graphite's own listener takes."""

_LENGTH_BYTES: Final = 4
_MARK: Final = object()


def whole_frames(buffer: bytearray) -> int:
    """How many bytes of the buffer are whole frames. Raises `DecodeError` where none can begin."""
    at = 0
    while len(buffer) - at >= _LENGTH_BYTES:
        size = int.from_bytes(buffer[at : at + _LENGTH_BYTES], "big")
        if not 0 < size <= MAX_FRAME_BYTES:
            raise DecodeError(f"graphite: a frame of {size} bytes, expected 1 to {MAX_FRAME_BYTES}")
        if len(buffer) - at - _LENGTH_BYTES < size:
            break
        at += _LENGTH_BYTES + size
    return at


def decode(raw: bytes, now_ms: int, max_rows: int) -> Decoded:
    """Read whole frames; a frame or sample that is wrong is refused alone.

    Raises `LimitError` for more than `max_rows` samples.
    """
    gathered = Gathered(max_rows)
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + _LENGTH_BYTES], "big")
        frame = raw[at + _LENGTH_BYTES : at + _LENGTH_BYTES + size]
        at += _LENGTH_BYTES + size
        try:
            samples = unpickle(frame)
        except DecodeError as error:
            gathered.refuse("malformed_frame", str(error))
            continue
        if not isinstance(samples, list | tuple):
            gathered.refuse("malformed_frame", f"a frame holds {_told(samples)}, expected a list of samples")
            continue
        for sample in samples:
            try:
                _take(sample, now_ms, gathered)
            except DecodeError as error:
                gathered.refuse("malformed_sample", f"{_told(sample)}: {error}")
    return gathered.decoded()


def _take(sample: object, now_ms: int, gathered: Gathered) -> None:
    match sample:
        case (str() as path, (time, value)) if not isinstance(time, list | tuple):
            seconds = _number(time)
            time_ms = now_ms if seconds == -1 else milliseconds(seconds)
            gathered.add(series_of(path, gathered), time_ms, _number(value))
        case _:
            raise DecodeError("it is not (path, (timestamp, value))")


def _number(found: object) -> float:
    if isinstance(found, str):
        return number(found.strip())
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return float(found)
        except OverflowError:
            pass
    raise DecodeError(f"{_told(found)} is not a number")


def _told(found: object) -> str:
    """A value in a message: shortly, and not at all where it may hold itself."""
    if isinstance(found, list | tuple):
        return f"a {type(found).__name__} of {len(found)}"
    return f"{str(found)[:80]!r}" if isinstance(found, str | float) else f"a {type(found).__name__}"


def unpickle(frame: bytes) -> object:
    """The list, tuple, number or text that a pickle of any protocol holds. Raises `DecodeError`."""
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(frame):
            machine.step(opcode.name, argument)
        return machine.stack.pop()
    except (ValueError, IndexError, KeyError, OverflowError, UnicodeError) as error:
        raise DecodeError(f"pickle is broken: {str(error)[:120]}") from None


class _Machine:
    """Pickle's stack, for the instructions that data needs."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self._memo: dict[int, object] = {}

    def step(self, name: str, argument: object) -> None:
        """Carry out one instruction. Raises `DecodeError` for one that is not data."""
        if name in _TEXTS:
            self.stack.append(_text(argument))
        elif name in _DATA:
            self.stack.append(argument)
        elif name in _TUPLES:
            self._tuple(_TUPLES[name])
        elif name in _MEMO:
            self._memo[len(self._memo) if name == "MEMOIZE" else cast(int, argument)] = self.stack[-1]
        elif name in _RECALL:
            self.stack.append(self._memo[cast(int, argument)])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name not in _IGNORED:
            raise DecodeError(f"pickle: {name} is refused, expected lists, tuples, numbers and texts alone")

    def mark(self) -> None:
        """Begin a group."""
        self.stack.append(_MARK)

    def make_list(self) -> None:
        """A list of what stands behind the last mark."""
        self.stack.append(self._group())

    def make_tuple(self) -> None:
        """A tuple of it."""
        self.stack.append(tuple(self._group()))

    def empty_list(self) -> None:
        """A list of nothing."""
        self.stack.append([])

    def append(self) -> None:
        """Put the last value into the list before it."""
        value = self.stack.pop()
        self._top().append(value)

    def appends(self) -> None:
        """Put what stands behind the last mark into the list before it."""
        values = self._group()
        self._top().extend(values)

    def pop(self) -> None:
        """Forget the last value."""
        self.stack.pop()

    def _group(self) -> list[object]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise IndexError("there is no mark")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values

    def _top(self) -> list[object]:
        if not isinstance(self.stack[-1], list):
            raise DecodeError("pickle: something is appended to what is no list")
        return self.stack[-1]

    def _tuple(self, size: int) -> None:
        if len(self.stack) < size:
            raise IndexError("the stack is short")
        values = self.stack[len(self.stack) - size :]
        del self.stack[len(self.stack) - size :]
        self.stack.append(tuple(values))


def _text(argument: object) -> object:
    """Texts of Python 2 are bytes, which pickletools gives as Latin-1."""
    raw = argument.encode("latin-1") if isinstance(argument, str) else argument
    return raw.decode() if isinstance(raw, bytes) else raw


_TEXTS: Final = frozenset(
    ("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
)
_DATA: Final = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "NONE"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    )
)
_TUPLES: Final = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MEMO: Final = frozenset(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"))
_RECALL: Final = frozenset(("GET", "BINGET", "LONG_BINGET"))
_IGNORED: Final = frozenset(("PROTO", "FRAME", "STOP"))
_ACTIONS: Final[dict[str, Callable[[_Machine], None]]] = {
    "MARK": _Machine.mark,
    "LIST": _Machine.make_list,
    "TUPLE": _Machine.make_tuple,
    "EMPTY_LIST": _Machine.empty_list,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "POP": _Machine.pop,
}
