"""Swell with this machine's own metrics, and Chromium to look at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.e2e.swell import Swell
from tests.peers import wait_until

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RULES = """\
groups:
  - name: always
    interval: 1s
    rules:
      - alert: AlwaysFiring
        expr: vector(1)
        labels: {severity: info}
        annotations: {summary: The pipeline works}
      - record: instance:cpu:ratio
        expr: 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed; Debian's package of that name has it")
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swell]:
    """A running Swell that has collected this machine twice, with an alert that always fires."""
    root = tmp_path_factory.mktemp("site")
    swell = start(root)
    wait_until(lambda: bool(swell.instant("rate(node_cpu_seconds_total[1m])")), "the collector's data", 60)
    wait_until(lambda: bool(swell.instant('ALERTS{alertstate="firing"}')), "the firing alert", 60)
    yield swell
    swell.stop()


def start(root: Path) -> Swell:
    """A Swell of its own below `root`."""
    rules = root / "rules.yaml"
    rules.write_text(_RULES)
    flags = ("--collect.interval-s", "1", "--collect.instance", "here", "--alerts.rule-files", f'["{rules}"]')
    return Swell(root / "data", flags).start()


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def watch(self) -> None:
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note_request)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.strangers.append(request.url)


@pytest.fixture
def visit(browser: Browser, site: Swell) -> Iterator[Visit]:
    """A visit with a profile of its own that must end without console errors and outside requests."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    found = Visit(context.new_page(), site.url)
    found.watch()
    yield found
    context.close()
    assert found.errors == []
    assert found.strangers == []
