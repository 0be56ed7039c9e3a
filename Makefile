# Two commands for a newcomer: make demo, make test. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports lock bench fuzz clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "borderpost needs Python 3.11 or newer (PYTHON=/path/to/python3.11 make …)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "python3 has no venv: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(VENV)/.ready ## a border post and its headquarters on this desk (ARGS=--once to stop after the script)
	@$(BIN)/borderpost-demo $(ARGS)

test: $(VENV)/.ready ## all tests that need no hardware (ARGS="-k mrz" for a part)
	@$(BIN)/python -m pytest $(ARGS)

check: lint types imports ## ruff, mypy --strict, import contracts

lint: $(VENV)/.ready
	$(BIN)/ruff check .

types: $(VENV)/.ready
	$(BIN)/mypy

imports: $(VENV)/.ready
	$(BIN)/lint-imports

bench: $(VENV)/.ready ## from the last byte of a reader to the queue and to the officer's PC (ARGS="--documents 500")
	@$(BIN)/python -m benchmarks.reader_latency $(ARGS)

fuzz: $(VENV)/.ready ## coverage-guided fuzzing of every codec; atheris is fetched into .bench (ARGS="--seconds 60 --only rte")
	@$(BIN)/python -m benchmarks.codec_fuzz $(ARGS)

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml
lock: ## write both lock files anew from pyproject.toml (needs uv): all, and what a box needs alone
	$(LOCK) --all-extras -o requirements.lock
	$(LOCK) --extra build -o requirements-box.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache ./*.egg-info
