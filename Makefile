# Two commands: `make app` sets up and opens the app, `make test` sets up and runs the whole suite. `make space SPACE=owner/name` publishes the app.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: app test check lint format space clean

app: $(VENV)/.app
	$(BIN)/python app.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: lint test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

space: $(VENV)/.app
	$(BIN)/python -m spaces_app.deploy $(SPACE)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# torch first: with it there, no other package pulls in a build for a GPU that the machine may not have.
$(VENV)/.app: requirements.txt constraints.txt | $(BIN)/python
	$(PIP) torch
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	$(PIP) -r requirements-dev.txt
	touch $@
