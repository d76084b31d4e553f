# Everything from nothing: `make demo` runs one paper on this machine, `make serve` shows the daily page, `make test`
# runs the checks. All make the virtual environment where it is missing and do no harm the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo serve test lint types unit browser clean

demo: $(VENV)/.installed-demo
	$(BIN)/workingpapers run arnet --scale laptop

serve: $(VENV)/.installed-demo
	$(BIN)/workingpapers serve

test: lint types unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs

types: $(VENV)/.installed-dev
	$(BIN)/mypy

unit: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Working Papers needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Run: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# torch first and by itself: pip then takes a CPU build where one is at hand and does not look further
$(VENV)/.installed-torch: constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	touch $@

$(VENV)/.installed-demo: pyproject.toml constraints.txt $(VENV)/.installed-torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[series,web]"
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt $(VENV)/.installed-torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# The browser tests drive Debian's Chromium. Where it is absent it is installed if that needs no password; else they
# are skipped and say so, and in CI they fail.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	    && { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; }; } \
	    || echo "note: no chromium on the PATH; the browser tests will be skipped. On Debian: apt-get install chromium"

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache src/*.egg-info
