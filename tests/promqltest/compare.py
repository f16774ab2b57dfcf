"""Whether an answer is what a case expects. Differences are returned as sentences; none means equal."""

from dataclasses import dataclass

import numpy as np

from query.ast import ValueType
from query.block import Block, Cells, Result, Samples, ScalarBlock, StringValue
from query.notation import SeriesLine
from storage.labels import LabelTable
from storage.model import BoolArray, Float64Array, Labels, canonical
from tests.promqltest.script import Eval, Text, Window
from tests.promqltest.shape import Shape, shape

_RELATIVE = 1e-6
_TINY = 2.0**-1022


def almost_equal(a: Float64Array, b: Float64Array) -> np.ndarray:
    """Prometheus's util/almost: 1e-6 of the sum of magnitudes; a stale marker equals only itself."""
    bits_a, bits_b = (np.ascontiguousarray(x).view(np.uint64) for x in (a, b))
    stale = np.uint64(0x7FF0000000000002)
    with np.errstate(all="ignore"):
        both = np.abs(a) + np.abs(b)
        near = np.abs(a - b) / both < _RELATIVE
        near |= ((a == 0) | (b == 0) | (both < _TINY)) & (np.abs(a - b) < _RELATIVE * _TINY)
    nan = np.isnan(a) & np.isnan(b) & ((bits_a == stale) == (bits_b == stale))
    return (a == b) | near | nan


def differences(case: Eval, result: Result) -> list[str]:
    """What a successful answer has wrong."""
    return _annotations(case, result) + _value(case, result)


def middle(case: Eval, result: Result) -> list[str]:
    """The same for an instant case that was asked as a range of three steps around its time."""
    if not isinstance(result.value, Block):
        return [f"range form: expected a matrix, got {result.type}"]
    block = result.value
    cells = None if block.cells is None else Cells(block.cells.at[:, 1:2], block.cells.pool)
    now = Block(block.labels, block.values[:, 1:2], block.present[:, 1:2], cells)
    if case.scalar is not None:
        found = now.values[0, 0] if len(now.values) else None
        return [] if found is not None and _same(found, case.scalar) else [f"range form: scalar {found}"]
    return [f"range form: {one}" for one in _vector(case, now)]


def failure(case: Eval, message: str) -> list[str]:
    """What is wrong with an error's message."""
    if not case.fails:
        return [f"error: {message}"]
    wrong = [text for text in case.fails if text and not _error_matches(text, message)]
    return [f"expected the error {text.text!r}, got {message!r}" for text in wrong]


def _error_matches(text: Text, message: str) -> bool:
    plain = message.split("parse error: ", 1)[-1]
    return text.matches(message) or text.matches(plain)


def _annotations(case: Eval, result: Result) -> list[str]:
    found = []
    for what, wanted, refused, actual in (
        ("warning", case.warnings, case.no_warnings, result.warnings),
        ("info", case.infos, case.no_infos, result.infos),
    ):
        if refused and actual:
            found.append(f"expected no {what}, got {list(actual)}")
        if wanted and not actual:
            found.append(f"expected the {what} {[text.text if text else 'any' for text in wanted]}, got none")
        texts = [text for text in wanted if text]
        if actual and texts:
            found += _unmatched(what, texts, actual)
    return found


def _unmatched(what: str, texts: list[Text], actual: tuple[str, ...]) -> list[str]:
    missing = [text.text for text in texts if not any(text.matches(one) for one in actual)]
    extra = [one for one in actual if not any(text.matches(one) for text in texts)]
    return [f"expected the {what} {one!r}, got {list(actual)}" for one in missing] + [
        f"unexpected {what} {one!r}" for one in extra
    ]


def _value(case: Eval, result: Result) -> list[str]:
    value = result.value
    if case.string is not None:
        same = isinstance(value, StringValue) and value.value == case.string
        return [] if same else [f"expected the string {case.string!r}, got {value}"]
    if case.scalar is not None:
        if not isinstance(value, ScalarBlock):
            return [f"expected the scalar {case.scalar}, got {result.type}"]
        return (
            [] if _same(value.values[0], case.scalar) else [f"expected {case.scalar}, got {value.values[0]}"]
        )
    if isinstance(value, Samples):
        return _samples(case, value)
    if not isinstance(value, Block):
        return [f"expected {'a matrix' if case.window else 'a vector'}, got {result.type}"]
    if case.window:
        return _matrix(case, case.window, value)
    wrong = [] if result.type is ValueType.VECTOR else [f"expected a vector, got {result.type}"]
    return wrong + _vector(case, value)


def _same(a: float, b: float) -> bool:
    return bool(almost_equal(np.array([a]), np.array([b]))[0])


def _vector(case: Eval, block: Block) -> list[str]:
    rows = np.flatnonzero(block.present[:, 0])
    actual = _keys(block.labels.take(rows))
    if case.ordered and actual != [one.labels for one in case.series]:
        return [
            f"expected the order {[dict(one.labels) for one in case.series]}, got {list(map(dict, actual))}"
        ]
    index = dict(zip(actual, rows.tolist(), strict=True))
    wrong = _labels(case, actual)
    for one in case.series:
        if one.labels in index:
            row = index[one.labels]
            cells = None if block.cells is None else Cells(block.cells.at[row], block.cells.pool)
            wrong += _points(one.labels, _line(one, 1), _Line(block.values[row], block.present[row], cells))
    return wrong


def _matrix(case: Eval, window: Window, block: Block) -> list[str]:
    actual = _keys(block.labels)
    wrong = _labels(case, actual)
    if actual != sorted(actual):
        wrong.append("the series are not sorted by labels")
    index = {labels: i for i, labels in enumerate(actual)}
    steps = (window.end_ms - window.start_ms) // window.step_ms + 1
    for one in case.series:
        if one.labels not in index:
            continue
        row = index[one.labels]
        cells = None if block.cells is None else Cells(block.cells.at[row], block.cells.pool)
        wrong += _points(one.labels, _line(one, steps), _Line(block.values[row], block.present[row], cells))
    return wrong


def _samples(case: Eval, value: Samples) -> list[str]:
    actual = _keys(value.labels)
    wrong = _labels(case, actual)
    window = case.samples_window
    if window is None:
        return [*wrong, "a range vector was not expected"]
    index = {labels: i for i, labels in enumerate(actual)}
    for one in case.series:
        if one.labels not in index:
            continue
        row = slice(value.offsets[index[one.labels]], value.offsets[index[one.labels] + 1])
        times = window.start_ms + np.flatnonzero(one.present) * window.step_ms
        if not np.array_equal(times, value.timestamps_ms[row]):
            wrong.append(f"{dict(one.labels)}: expected times {times}, got {value.timestamps_ms[row]}")
            continue
        there = np.ones(len(times), np.bool_)
        expected, cells = one.cells, value.cells
        wrong += _points(
            one.labels,
            _Line(one.values[one.present], there, None if expected is None else expected[one.present]),
            _Line(value.values[row], there, None if cells is None else Cells(cells.at[row], cells.pool)),
        )
    return wrong


def _labels(case: Eval, actual: list[Labels]) -> list[str]:
    expected = [one.labels for one in case.series if one.present.any()]
    missing = [f"missing {dict(one)}" for one in expected if one not in set(actual)]
    extra = [f"unexpected {dict(one)}" for one in actual if one not in set(expected)]
    twice = ["two series have the same labels"] if len(set(actual)) != len(actual) else []
    return missing + extra + twice


def _keys(labels: LabelTable) -> list[Labels]:
    return [canonical(row) for row in labels.rows()]


def _line(line: SeriesLine, steps: int) -> "_Line":
    """An expected line, cut or filled up to a number of steps."""
    values, present, at = np.full(steps, np.nan), np.zeros(steps, np.bool_), np.full(steps, -1, np.int32)
    count = min(steps, len(line.values))
    values[:count], present[:count] = line.values[:count], line.present[:count]
    if line.cells is None:
        return _Line(values, present, None)
    at[:count] = line.cells.at[:count]
    return _Line(values, present, Cells(at, line.cells.pool))


def _points(labels: Labels, wanted: "_Line", found: "_Line") -> list[str]:
    for i in range(len(wanted.present)):
        if not wanted.equals(found, i):
            return [f"{dict(labels)} at step {i}: expected {wanted.shown(i)}, got {found.shown(i)}"]
    return []


@dataclass(frozen=True, slots=True)
class _Line:
    values: Float64Array
    present: BoolArray
    cells: Cells | None

    def equals(self, found: "_Line", i: int) -> bool:
        if not (self.present[i] and found.present[i]):
            return bool(self.present[i] == found.present[i])
        mine, other = self._shape(i), found._shape(i)
        if mine is None or other is None:
            return mine is other and _same(self.values[i], found.values[i])
        return mine.is_like(other)

    def shown(self, i: int) -> str:
        return str(self._shape(i) or self.values[i]) if self.present[i] else "nothing"

    def _shape(self, i: int) -> Shape | None:
        return None if self.cells is None else shape(self.cells, int(self.cells.at[i]))
