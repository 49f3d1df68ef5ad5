PYTHON ?= python3
PORT ?= 8000
# Empty: `make lock UPGRADE=` keeps the versions that are pinned, and locks only what pyproject.toml has new.
UPGRADE ?= --upgrade
SEED ?= 1
COUNT ?= 100
# Tests start hundreds of processes: each would compile the whole service anew, for an eighth of a second.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help run env test unit check fmt coverage mutants bench soak lock catalogues picture clean forget

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.runtime  ## installs, starts PostgreSQL and Valkey, and serves on port 8000 (PORT=8080 for another)
	@exec $(BIN)/jasho serve --port $(PORT)

env:  ## writes a .env with fresh secrets, for `docker compose up`; one that is there stays
	@$(PYTHON) gateway/cli/env_file.py

test: $(VENV)/.development  ## everything that CI checks: `make check` and all tests
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -n 2 --dist loadgroup --ignore tests/after
	$(BIN)/pytest tests/after

unit: $(VENV)/.development  ## the tests that need no server: seconds
	$(BIN)/pytest -m unit -n 2

check: $(VENV)/.development  ## format, lint, types, import directions and the menus, without the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/jasho menus lint

fmt: $(VENV)/.development  ## formats the code and applies the fixes that ruff knows
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

coverage: $(VENV)/.development  ## all tests under branch coverage of core and menus; fails below the floor in pyproject.toml
	$(BIN)/coverage erase
	COVERAGE_PROCESS_START="$$PWD/pyproject.toml" $(BIN)/pytest -n 2 --dist loadgroup --ignore tests/after
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutants: $(VENV)/.development  ## plants small faults in copies, one at a time, and counts those that no test misses; hours (SEED=1 COUNT=100)
	$(BIN)/python load-tests/mutants/mutants.py --seed $(SEED) --count $(COUNT)

bench: $(VENV)/.development  ## the benchmark: each figure beside a reference of the same run
	$(BIN)/python load-tests/bench.py

soak: $(VENV)/.development  ## strangers, a crowd of them, a night of faults, payments amid faults, kills and an upgrade under load: twenty minutes
	@PYTHONPATH=. $(BIN)/python load-tests/fuzz.py
	@PYTHONPATH=. $(BIN)/python load-tests/crowd.py
	@PYTHONPATH=. $(BIN)/python load-tests/night.py
	@PYTHONPATH=.:load-tests $(BIN)/python load-tests/faults/drive.py
	@PYTHONPATH=. $(BIN)/python load-tests/soak.py

catalogues: $(VENV)/.development  ## brings the catalogues up to date after a text in the code has changed
	$(BIN)/python -m locales.catalogues

picture: $(VENV)/.development  ## takes the README's pictures again, of a fresh `make run`
	$(BIN)/jasho menus graph --svg menus/picture.svg
	$(BIN)/python -m tests.browser.picture http://127.0.0.1:$(PORT)

lock:  ## upgrades every pinned version; needs uv (UPGRADE= keeps the versions)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE) --quiet \
		--extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet \
		--extra build --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:  ## removes the virtual environment and everything built; the local data stay
	rm -rf $(VENV) build *.egg-info .coverage .coverage.*

forget: $(VENV)/.runtime  ## deletes the local data: customers, books and what tests have left
	@$(BIN)/jasho forget

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Jasho needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Jasho into $(VENV) (a minute at most, the first time only)"
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Jasho and its tests' tools into $(VENV) (a minute at most, the first time only)"
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
