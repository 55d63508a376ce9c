# Two commands: `make report` and `make test`. Both make the virtual environment when it is missing.
# Windows: see the block of plain commands in README.md.

PYTHON ?= python3
VENV   ?= .venv
SCALE  ?= 0.2
SEED   ?= 20180618
# Space-separated region codes; empty: the 18 regions.
REGIONS ?=
WORKERS ?= 0
DATA   ?= data/demonstration
REPORT ?= reports/demonstration
TESTS  ?=
# -n auto would start a worker per logical core; two is what the tests are timed on.
JOBS   ?= 2

PY := $(VENV)/bin/python
regions := $(foreach code,$(REGIONS),--region $(code))
# A first start without bytecode takes twice as long; one BLAS thread keeps numbers stable to the bit.
export PYTHONDONTWRITEBYTECODE :=
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: report test lint types clean notebooks-clean install
.DELETE_ON_ERROR:

report: $(DATA)/study.toml
	$(PY) -m evaluation run $(DATA)/study.toml --output $(REPORT) --workers $(WORKERS) $(regions)

test: $(VENV)/.installed
	$(PY) -m pytest -n $(JOBS) $(TESTS)

lint: $(VENV)/.installed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/.installed
	$(PY) -m mypy

install: $(VENV)/.installed

# Written last by the simulation, so that an interrupted one is made again.
$(DATA)/study.toml: $(VENV)/.installed
	$(PY) -m evaluation simulate --output $(DATA) --scale $(SCALE) --seed $(SEED) $(regions)
	@touch $@

# Debian without python3-venv cannot bring pip into the environment: then the system's pip serves.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || \
	  { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --version >/dev/null; } || \
	  { rm -rf $(VENV); echo "No virtual environment: install python3-venv (apt-get install python3-venv) and run make again."; exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(PY)
	@if $(PY) -m pip --version >/dev/null 2>&1; then pip="$(PY) -m pip"; \
	  else pip="$(PYTHON) -m pip --python $(PY)"; fi; \
	set -e; \
	$$pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	$$pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(PY) -m compileall -q -j 0 $(VENV)/lib evaluation >/dev/null 2>&1 || true
	@touch $@

notebooks-clean: $(VENV)/.installed
	$(PY) -m jupyter nbconvert --clear-output --inplace notebooks/*.ipynb

clean:
	rm -rf data/demonstration reports/demonstration build dist .pytest_cache .mypy_cache .ruff_cache
	find evaluation tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
