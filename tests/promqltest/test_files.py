"""The .test files: our own must pass whole, Prometheus's must pass at least as many as they did."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from query.engine import Engine
from query.limits import QueryLimits
from storage.catalogue import Catalogue
from storage.embedded import open_embedded
from storage.interface import Storage
from storage.server import open_server
from tests.peers import ClickHouseServer
from tests.promqltest.runner import Outcome, Runner

_HERE = Path(__file__).resolve().parent.parent / "promql"
_OWN = sorted(_HERE.glob("*.test"))
_EXPECTED = {
    name: int(passed)
    for name, passed in (line.split("\t") for line in (_HERE / "expected.tsv").read_text().splitlines()[1:])
}
_PREFIXES = count()


@pytest.fixture(params=["embedded", pytest.param("server", marks=[pytest.mark.peers, pytest.mark.slow])])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """A runner on each backend in turn."""
    open_tenant = _opener(request)
    engines: list[Engine] = []

    def make_engine(storage: Storage) -> Engine:
        while engines:
            engines.pop().close()
        engines.append(Engine(storage, Catalogue(storage), QueryLimits(delayed_names=True)))
        return engines[-1]

    yield Runner(open_tenant, make_engine, f"promql{next(_PREFIXES)}_")
    for engine in engines:
        engine.close()


def _opener(request: pytest.FixtureRequest) -> Callable[[str], Storage]:
    if request.param == "embedded":
        root: Path = request.getfixturevalue("embedded_root")
        return lambda tenant: open_embedded(root, tenant)
    server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
    return lambda tenant: open_server(server.url(tenant))


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
