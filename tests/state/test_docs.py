"""The documentation has the table of families as it is."""

from __future__ import annotations

from pathlib import Path

from tests.state.families import BEGIN, END, table

PAGE = Path(__file__).parents[2] / "docs/collectors.md"


def test_the_table_of_families_is_current() -> None:
    text = PAGE.read_text()
    written = text[text.index(BEGIN) : text.index(END) + len(END)]

    assert written == table(), "run python -m tests.state.families"
