# Every target sets up what it needs in a local virtual environment, from pinned constraints.
PYTHON ?= python3.11
PYTHON := $(shell command -v $(PYTHON) || command -v python3)
DEV := .venv
SERVE := .venv-serve
BIN := $(DEV)/bin

# The site, in site/: open site/index.html. A link that leads nowhere fails.
docs: install
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs site

.PHONY: release airgap docs install demo test test-all test-browser methods test-gpu check format lint types bench bench-page bench-gpu clean

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

# Two workers of one thread each. The order is drawn anew every time in test-all, and told.
# Compiled modules are kept, since tests start many processes.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal

test: install
	$(PYTEST) -p no:randomly

test-all: install
	$(PYTEST) -m 'not gpu and not browser'
	tests/page/run -m browser

# The page: types, lint and logic, then in chromium. What a machine lacks is installed, or told loudly.
test-browser: install
	tests/page/run

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
	$(PYTEST) -p no:randomly

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

# The page in chromium: what is loaded, first paint, 1,000 hits, memory.
bench-page: install
	$(BIN)/python -m tests.page.measure

# On a machine with a GPU, with torch for CUDA and rgbir[gpu] in place of the CPU wheels.
bench-gpu: install
	$(BIN)/rgbir bench encode --bundle server/rgbir/server/bundles/expat_compact.synthetic_people
	$(BIN)/rgbir bench search --device gpu --sightings 100000 --dimension 2048
	$(BIN)/rgbir bench train --device cuda --workers 8
	$(BIN)/rgbir bench gpu

# Wheel, sdist, SBOM and sums in dist/, checked.
release: install
	$(BIN)/python -m tests.release

# A tar in dist/ that installs a server without a network. WITH="footage openvino" packs extras, too.
airgap: install
	$(BIN)/python -m tests.airgap $(addprefix --with ,$(WITH))

clean:
	rm -rf $(DEV) $(SERVE) demo dist
