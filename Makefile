# The main jobs. Each sets .venv up by itself and does nothing twice.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.set-up
SETUP_SITE := .venv/.set-up-site
PEERS := .venv/.peers

.PHONY: help course lab test quick outputs site bench bench-long
.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

course: $(SETUP)  ## Run the whole course headless: build/course/index.html
	$(BIN)/colorlab run --out build/course

lab: $(SETUP)  ## Open the course in JupyterLab
	$(BIN)/colorlab lab

# One thread a worker: two workers that each take two cores wait for one another.
test: $(SETUP)  ## Run every check and test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadscope tests
	$(BIN)/pytest -q --doctest-modules colorlab
	OMP_NUM_THREADS=1 COLORLAB_PRESET=smoke $(BIN)/pytest -q -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout=120 notebooks

quick: $(SETUP)  ## Most tests, some of every module, in about a minute
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadscope -m "not slow" tests

outputs: $(SETUP)  ## Execute all notebooks in place and keep the outputs that teach
	$(BIN)/colorlab outputs

site: $(SETUP_SITE)  ## The course and the lab page for any static host: build/site/index.html
	$(BIN)/python docs/site/build.py build/site
	OMP_NUM_THREADS=1 $(BIN)/pytest -q tests/site tests/browser/test_site_pages.py tests/browser/test_lab_page.py tests/browser/test_lab_networks.py

bench: $(PEERS)  ## Measure speed beside other libraries: benchmarks/README.md
	$(BIN)/python -W ignore benchmarks/bench

bench-long: $(PEERS)  ## The same with the course, the tests and growth
	$(BIN)/python -W ignore benchmarks/bench --long

# Made anew only when what is installed changes.
$(SETUP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "colorlab needs Python 3.11 or newer; say which with: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints.txt
	touch $@

$(SETUP_SITE): $(SETUP) docs/package.json docs/package-lock.json
	$(BIN)/python -m pip install --quiet --editable '.[site]' --constraint constraints.txt
	cd docs && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(PEERS): $(SETUP)
	$(BIN)/python -m pip install --quiet --editable '.[bench]' --constraint constraints.txt
	touch $@
