PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: run test unit check bench soak lock catalogues picture clean

run: $(VENV)/.runtime
	@exec $(BIN)/jasho serve --port $(PORT)

test: $(VENV)/.development
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -n 2 --dist loadgroup --ignore tests/after
	$(BIN)/pytest tests/after

unit: $(VENV)/.development  ## the tests that need no server: seconds
	$(BIN)/pytest -m unit -n 2

check: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/jasho menus lint

bench: $(VENV)/.development
	$(BIN)/python load-tests/bench.py

soak: $(VENV)/.development  ## about five minutes
	@PYTHONPATH=. $(BIN)/python load-tests/soak.py

catalogues: $(VENV)/.development  ## after a text in the code has changed: brings the templates up to date
	$(BIN)/python -m locales.catalogues

picture: $(VENV)/.development  ## takes the README's pictures again, of a fresh `make run`
	$(BIN)/jasho menus graph --svg menus/picture.svg
	$(BIN)/python -m tests.browser.picture http://127.0.0.1:$(PORT)

lock:  ## needs uv; upgrades every pinned version
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet \
		--extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet \
		--extra build --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .jasho build *.egg-info

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
