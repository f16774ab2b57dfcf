PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

.PHONY: up test check bench crash browser assets packages lock clean

up: $(VENV)/.ready assets
	$(BIN)/swell up

# Playwright keeps an event loop of its own running, so the pages are tested in a process of their own.
test: $(VENV)/.dev packages assets
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest tests/browser -m browser

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.dev packages
	$(BIN)/python -m bench

crash: $(VENV)/.dev packages
	$(BIN)/python -m tests.crash --kills 1000

browser: $(VENV)/.dev packages assets
	$(BIN)/python -m pytest tests/browser -m browser

# The charts' library, from npm where there is one; without it the pages draw with Plotly, which comes along.
assets:
	@if [ -e dashboards/assets/vendor/uPlot.iife.min.js ]; then :; \
	elif command -v npm >/dev/null 2>&1; then cd dashboards/web && npm ci --silent --no-audit --no-fund && npm run --silent build; \
	else echo "npm is not installed: the pages draw with Plotly, which is slower"; fi

# What tests and benchmarks run beside Swell; installed where the user may.
packages:
	deploy/debian-packages.sh

$(VENV)/.ready: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.ready
	$(PIP) -r requirements-dev.lock
	touch $@

# Pin the newest versions that pyproject.toml allows.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile -q --universal --no-emit-index-url --no-header --generate-hashes -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --no-emit-index-url --no-header --generate-hashes --extra dev -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) data build .mypy_cache .ruff_cache .pytest_cache .hypothesis
