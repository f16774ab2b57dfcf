import pytest

from query.annotations import Annotations, format_float
from query.ast import Span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (2.5, "2.5"),
        (100000.0, "100000"),
        (123456.0, "123456"),
        (1e6, "1e+06"),
        (1700000801.0, "1.700000801e+09"),
        (1e300, "1e+300"),
        (0.0001, "0.0001"),
        (0.000015, "1.5e-05"),
        (5e-324, "5e-324"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
    ],
)
def test_a_number_is_written_as_go_writes_it(value: float, text: str) -> None:
    assert format_float(value) == text


def test_a_remark_names_line_and_column_and_stands_once() -> None:
    notes = Annotations("sum(\n  rate(m[1m]))")

    for _ in range(2):
        notes.warn("too short", Span(12, 17))

    assert notes.warnings == ("PromQL warning: too short (2:8)",)
    assert notes.infos == ()
