"""A file of unit tests, read and checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alerts.documents import Section, read_texts
from query.native.notation import parse_histogram
from query.notation import SeriesLine, parse_labels, parse_number, parse_series
from storage.errors import ConfigError, Error, InputError
from storage.histograms import Histograms
from storage.model import Labels

_FILE_KEYS = ("rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare")
_TEST_KEYS = (
    "name",
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
    "start_timestamp",
)
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """A firing alert: all its labels but `alertname`, and all its annotations."""

    labels: Labels
    annotations: Labels


@dataclass(frozen=True, slots=True)
class AlertCase:
    """The alerts of one name that fire `at_ms` after the test's start."""

    name: str
    at_ms: int
    alerts: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExprCase:
    """What an expression answers `at_ms` after the test's start: labels and value, in no order."""

    expr: str
    at_ms: int
    samples: tuple[tuple[Labels, float | Histograms], ...]


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test: its series stand at `start_ms` and every `interval_ms` after."""

    name: str
    start_ms: int
    interval_ms: int
    series: tuple[SeriesLine, ...]
    alerts: tuple[AlertCase, ...]
    exprs: tuple[ExprCase, ...]
    external_labels: dict[str, str]
    external_url: str

    @property
    def last_ms(self) -> int:
        """The time of the last case, after the start."""
        return max((*(case.at_ms for case in self.alerts), *(case.at_ms for case in self.exprs)), default=0)


@dataclass(frozen=True, slots=True)
class UnitTestFile:
    """A file of tests. `order` are names of groups, in the order in which they are evaluated."""

    rule_files: tuple[str, ...]
    interval_ms: int
    order: tuple[str, ...]
    is_fuzzy: bool
    tests: tuple[UnitTest, ...]


def load_tests(path: Path) -> UnitTestFile:
    """Raises `ConfigError` that names file, test and key. Rule files are relative to the file."""
    top = Section.of(str(path), read_texts(path), _FILE_KEYS)
    interval_ms = _duration_ms(top, "evaluation_interval", _MINUTE_MS) or _MINUTE_MS
    tests = [
        _test(Section.of(f"{path}: test {number}", value, _TEST_KEYS), interval_ms)
        for number, value in enumerate(top.items("tests"), 1)
    ]
    return UnitTestFile(
        rule_files=tuple(str(path.parent / str(name)) for name in top.items("rule_files")),
        interval_ms=interval_ms,
        order=tuple(map(str, top.items("group_eval_order"))),
        is_fuzzy=top.text("fuzzy_compare", "false") == "true",
        tests=tuple(tests),
    )


def _test(section: Section, interval_ms: int) -> UnitTest:
    return UnitTest(
        name=section.text("name", ""),
        start_ms=_start_ms(section),
        interval_ms=_duration_ms(section, "interval", interval_ms) or interval_ms,
        series=tuple(_series(inner) for inner in _sections(section, "input_series", ("series", "values"))),
        alerts=tuple(
            _alert_case(inner)
            for inner in _sections(section, "alert_rule_test", ("eval_time", "alertname", "exp_alerts"))
        ),
        exprs=tuple(
            _expr_case(inner)
            for inner in _sections(section, "promql_expr_test", ("expr", "eval_time", "exp_samples"))
        ),
        external_labels=section.strings("external_labels"),
        external_url=section.text("external_url", ""),
    )


def _sections(section: Section, key: str, keys: tuple[str, ...]) -> list[Section]:
    items: list[Any] = section.items(key)
    return [Section.of(f"{section.place}, {key} {number}", one, keys) for number, one in enumerate(items, 1)]


def _series(section: Section) -> SeriesLine:
    name, values = section.text("series"), section.text("values")
    try:
        line = parse_series(f"{name} {values}")
    except Error as error:
        raise section.error("series", f"{name!r}: {error}") from None
    return line


def _alert_case(section: Section) -> AlertCase:
    expected = [
        ExpectedAlert(
            tuple(sorted(inner.strings("exp_labels").items())),
            tuple(sorted(inner.strings("exp_annotations").items())),
        )
        for inner in _sections(section, "exp_alerts", ("exp_labels", "exp_annotations"))
    ]
    return AlertCase(section.text("alertname"), _duration_ms(section, "eval_time", 0), tuple(expected))


def _expr_case(section: Section) -> ExprCase:
    samples = [
        (_labels(inner), _histogram(inner) or _number(inner))
        for inner in _sections(section, "exp_samples", ("labels", "value", "histogram"))
    ]
    return ExprCase(section.text("expr"), _duration_ms(section, "eval_time", 0), tuple(samples))


def _histogram(section: Section) -> Histograms | None:
    text = section.text("histogram", "").strip()
    if not text:
        return None
    try:
        return parse_histogram(text.removeprefix("{{").removesuffix("}}"))
    except Error as error:
        raise section.error("histogram", f"{text!r}: {error}") from None


def _labels(section: Section) -> Labels:
    text = section.text("labels", "").strip()
    try:
        return parse_labels(text) if text.strip("{} ") else ()
    except Error as error:
        raise section.error("labels", f"{text!r}: {error}") from None


def _number(section: Section) -> float:
    text = section.text("value", "0").lstrip(".")
    try:
        return parse_number(text.replace("-.", "-"))
    except (ValueError, InputError):
        raise section.error("value", f"is {text!r}, expected a number") from None


def _duration_ms(section: Section, key: str, default: int) -> int:
    return 0 if section.content.get(key) == "0" else section.duration_ms(key, default)


def _start_ms(section: Section) -> int:
    text = section.text("start_timestamp", "0")
    try:
        return round(float(text) * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{section.place}, start_timestamp: is {text!r}, expected RFC 3339 or seconds since the epoch"
        ) from None
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
