"""A few hundred random questions a run; `python -m tests.differential` asks as many as wanted."""

from pathlib import Path

import pytest

from tests.differential.prometheus import Prometheus, find_program
from tests.differential.run import Comparison

pytestmark = [pytest.mark.slow, pytest.mark.peers]


@pytest.mark.parametrize("seed", [1, 2])
def test_random_expressions_are_answered_as_prometheus_answers_them(seed: int, tmp_path: Path) -> None:
    program, version = find_program()
    if program is None:
        pytest.skip(version)
    prometheus = Prometheus(program, tmp_path)
    comparison = Comparison(prometheus, seed)
    try:
        differences = list(comparison.run(200))
    finally:
        comparison.close()
        prometheus.close()

    print(f"{version}, seed {seed}: {comparison.counts}")
    assert differences == []
