"""The .test files: our own must pass whole, Prometheus's must pass at least as many as they did."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from query.engine import Engine
from storage.catalogue import Catalogue
from storage.embedded import open_embedded
from storage.interface import Storage
from tests.promqltest.runner import Outcome, Runner

_HERE = Path(__file__).resolve().parent.parent / "promql"
_OWN = sorted(_HERE.glob("*.test"))
_EXPECTED = {
    name: int(passed)
    for name, passed in (line.split("\t") for line in (_HERE / "expected.tsv").read_text().splitlines()[1:])
}
_PREFIXES = count()


@pytest.fixture
def runner(embedded_root: Path) -> Iterator[Runner]:
    engines: list[Engine] = []

    def make_engine(storage: Storage) -> Engine:
        while engines:
            engines.pop().close()
        engines.append(Engine(storage, Catalogue(storage)))
        return engines[-1]

    yield Runner(
        lambda tenant: open_embedded(embedded_root, tenant), make_engine, f"promql{next(_PREFIXES)}_"
    )
    for engine in engines:
        engine.close()


@pytest.mark.parametrize("path", _OWN, ids=lambda path: path.stem)
def test_every_case_of_our_own_passes(path: Path, runner: Runner) -> None:
    outcomes = list(runner.run(path))

    assert outcomes
    assert [_shown(outcome) for outcome in outcomes if outcome.reasons] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", _EXPECTED)
def test_no_case_of_prometheus_is_lost(name: str, runner: Runner, shared_data: Path) -> None:
    outcomes = list(runner.run(shared_data / "promqltest" / f"{name}.test"))

    passed = sum(not outcome.reasons for outcome in outcomes)

    assert passed >= _EXPECTED[name], "\n".join(_shown(outcome) for outcome in outcomes if outcome.reasons)


def _shown(outcome: Outcome) -> str:
    return f"{outcome.file}:{outcome.line}: {outcome.expr}\n    {outcome.reasons[:3]}"
