"""The house's rules, held by walking the imports of every module."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("alerts", "collector", "dashboards", "ingest", "query", "server", "storage")
BACKENDS = {"storage.embedded", "storage.server"}

# package -> the packages of ours that it may import
ALLOWED: dict[str, set[str]] = {
    "storage": set(),
    "ingest": {"storage"},
    "query": {"storage"},
    "collector": {"storage", "ingest"},
    "alerts": {"query", "storage"},
    "dashboards": {"query", "alerts", "storage"},
    "server": set(PACKAGES),
}
# third party -> where it may be imported
FENCED = {
    "chdb": {"storage.embedded"},
    "clickhouse_driver": {"storage.server"},
    "dash": {"dashboards"},
    "grpc": {"ingest.otlp_grpc"},
    "fastapi": {"ingest.api", "query.api", "alerts.api", "dashboards.app", "dashboards.api", "server"},
}
LINES = 400
LONGER_WITH_REASON: dict[str, str] = {}


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, place: str) -> bool:
    return name == place or name.startswith(place + ".")


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_package_imports_only_what_stands_above_it(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name for name in imports(path) if name.split(".")[0] in PACKAGES}

    strangers = {name for name in ours if name.split(".")[0] not in ALLOWED[package] | {package}}

    assert strangers == set()


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_only_the_composition_root_names_a_backend(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] in ("server", "storage"):
        return

    assert imports(path) & BACKENDS == set()


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_third_parties_are_fenced(path: Path) -> None:
    module = dotted(path)
    used = {name.split(".")[0] for name in imports(path)}

    for library, places in FENCED.items():
        assert library not in used or any(within(module, place) for place in places), library
    assert "numba" not in used or path.stem == "kernels"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_module_owns_one_noun(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= LINES or dotted(path) in LONGER_WITH_REASON, f"{dotted(path)} has {lines} lines"
    assert path.stem not in {"utils", "helpers", "manager", "common", "misc"}
