# Every target sets up what it needs in a local virtual environment, from pinned constraints.
PYTHON ?= python3.11
PYTHON := $(shell command -v $(PYTHON) || command -v python3)
DEV := .venv
SERVE := .venv-serve
BIN := $(DEV)/bin

# The site, in site/.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.PHONY: docs install demo test test-all methods test-gpu check format lint types bench clean

install: $(DEV)/ready

$(DEV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# What serves: no torch in it.
$(SERVE)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(SERVE)
	$(SERVE)/bin/pip install --quiet --constraint constraints.txt --editable '.[server]'
	touch $@

demo: $(SERVE)/ready
	$(SERVE)/bin/rgbir demo $(DEMO)

test: install
	$(BIN)/pytest -q

test-all: install
	$(BIN)/pytest -q -m 'not gpu'

# Method by method: trains, worked numbers, exports with parity, served in a search.
methods: install
	$(BIN)/python -m tests.methods_table

test-gpu: install
	$(BIN)/pytest -q -m gpu

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: install
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

bench: install
	$(BIN)/rgbir bench encode --bundle server/rgbir/server/bundles/expat_compact.synthetic_people
	$(BIN)/rgbir bench search
	$(BIN)/rgbir bench evaluate

clean:
	rm -rf $(DEV) $(SERVE) demo dist
