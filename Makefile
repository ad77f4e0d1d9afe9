# Every target sets up what it needs in a local virtual environment, from pinned constraints.
PYTHON ?= python3.11
PYTHON := $(shell command -v $(PYTHON) || command -v python3)
DEV := .venv
SERVE := .venv-serve
BIN := $(DEV)/bin

# The site, in site/: open site/index.html. A link that leads nowhere fails.
docs: install
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs site

.PHONY: release airgap docs install demo test test-all test-browser methods test-gpu check format lint types bench bench-search bench-page bench-gpu clean

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
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

test: install
	$(PYTEST) -p no:randomly

# All of them, and the page that says what came of it.
QUALITY := -p tests.quality --quality docs/quality.json
test-all: install
	$(PYTEST) -m 'not gpu and not browser' $(QUALITY); tests=$$?; \
	tests/page/run -m browser $(QUALITY) --quality-as browser; browser=$$?; \
	$(BIN)/python -m tests.publish_quality; exit $$((tests + browser))

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

# Speeds, in minutes, on a machine that does nothing else: kept in KEEP, whence docs/benchmarks.md is written.
KEEP ?= docs/benchmarks
BENCH := $(BIN)/rgbir bench
BUNDLE := server/rgbir/server/bundles/expat_compact.synthetic_people

bench: install
	$(BENCH) encode --bundle $(BUNDLE) --keep $(KEEP)
	$(BENCH) search --sightings 20000 --dimension 2048 --peers --keep $(KEEP)
	$(BENCH) serve --bundle $(BUNDLE) --keep $(KEEP)
	$(BENCH) evaluate --keep $(KEEP)
	$(BENCH) rerank --keep $(KEEP)
	$(BENCH) footage --seconds 8 --keep $(KEEP)
	$(BENCH) train --small --workers 1 --rounds 5 --keep $(KEEP)
	$(BIN)/python -m tests.publish_benchmarks

# Searches at every size of docs/benchmarks.md; a million of 2,048 values needs 24 GiB of memory, and as much disk.
bench-search: install
	for dimension in 512 2048; do for sightings in 10000 100000 1000000; do \
		$(BENCH) search --sightings $$sightings --dimension $$dimension --keep $(KEEP) || exit; done; done
	$(BENCH) search --sightings 100000 --dimension 2048 --storage float16 --keep $(KEEP)
	$(BENCH) search --sightings 100000 --dimension 2048 --noise --keep $(KEEP)
	$(BIN)/python -m tests.publish_benchmarks

# The page in chromium: what is loaded, first paint, 1,000 hits, memory.
bench-page: install
	$(BIN)/python -m tests.page.measure

# On a machine with a GPU, with torch for CUDA and rgbir[gpu] in place of the CPU wheels.
bench-gpu: install
	$(BENCH) encode --bundle $(BUNDLE) --keep $(KEEP)
	$(BENCH) search --device gpu --sightings 100000 --dimension 2048 --keep $(KEEP)
	$(BENCH) train --device cuda --workers 8 --updates 20 --keep $(KEEP)
	$(BENCH) gpu --keep $(KEEP)
	$(BIN)/python -m tests.publish_benchmarks

# Wheel, sdist, SBOM and sums in dist/, checked.
release: install
	$(BIN)/python -m tests.release

# A tar in dist/ that installs a server without a network. WITH="footage openvino" packs extras, too.
airgap: install
	$(BIN)/python -m tests.airgap $(addprefix --with ,$(WITH))

clean:
	rm -rf $(DEV) $(SERVE) demo dist
