from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.units import UNITS, format_value


def unit_cases() -> Iterator[tuple[float, str, str]]:
    for line in (Path(__file__).parent / "units.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            value, unit, text = (part.strip() for part in line.split("|"))
            yield float(value), unit, text


@pytest.mark.parametrize(("value", "unit", "text"), list(unit_cases()))
def test_a_number_reads_as_its_case_says(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_every_unit_has_cases() -> None:
    assert {unit for _, unit, _ in unit_cases()} == set(UNITS)
