"""Bodies that once broke a parser are read or refused now, and so is a short run of new ones."""

import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import FOUND, changed, problem
from tests.fuzz.parsers import PARSERS, Memory


@pytest.mark.parametrize(
    "path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_what_was_found_is_read_or_refused(path: Path) -> None:
    assert problem(PARSERS[path.parent.name], path.read_bytes(), Memory()) == ""


@pytest.mark.parametrize("name", PARSERS)
def test_bodies_that_nobody_meant_are_read_or_refused(name: str) -> None:
    parser, memory, rng = PARSERS[name], Memory(), random.Random(name)
    bodies = [*parser.bodies(), b"\n"]
    for _ in range(300):
        raw = changed(rng, bodies)
        assert problem(parser, raw, memory) == "", raw
