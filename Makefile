# `make demo` and `make test` are all that a new user needs: each target makes .venv first when it is missing or stale.
PYTHON ?= python3.11
BIN := .venv/bin
HOME_FOLDER ?= .probity
DEMO ?=

.PHONY: demo test test-large check serve bench bench-ledger spark base format clean

demo: .venv/installed
	$(BIN)/probity demo --home $(HOME_FOLDER) $(DEMO)

# Bytecode is written even where the environment says not to: the tests start some hundred processes of ours.
test: .venv/installed
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not large"

# The demo in a process of its own, the pages of docs/ from an empty folder, the README's walk over MovieLens, and the
# package installed elsewhere.
test-large: .venv/installed
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile -m large

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: .venv/installed
	$(BIN)/probity serve console --home $(HOME_FOLDER)

bench: .venv/installed
	$(BIN)/python benchmarks/demo.py

bench-ledger: .venv/installed
	$(BIN)/python benchmarks/ledger.py appends
	$(BIN)/python benchmarks/ledger.py proofs
	$(BIN)/python benchmarks/ledger_verify.py

# PySpark is half a gigabyte, so that only whoever asks for it gets it; the tests that need it are skipped without.
spark: .venv/spark

# What a CI job that only judges lists installs: no extra, in an environment of its own, which then judges two CSV files.
base:
	PYTHON=$(PYTHON) .ci/base

format: .venv/installed
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist *.egg-info

# torch comes first and by its exact name: asked for through another package, a newer build with gigabytes of CUDA would come.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || (echo "Probity needs Python 3.11: make PYTHON=/path/to/python3.11" && false)
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet torch==2.13.0 -c constraints.txt
	$(BIN)/pip install --quiet -e '.[dev]' -c constraints.txt
	touch $@

.venv/spark: .venv/installed
	$(BIN)/pip install --quiet -e '.[spark]' -c constraints.txt
	touch $@
