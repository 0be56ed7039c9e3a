# Two commands for a newcomer: make demo, make test. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
RELEASE ?= 12

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports lock bench bench-long fuzz fuzz-envelopes fuzz-sticks clean
.PHONY: bench-readers bench-documents bench-deltas bench-names bench-quality bench-false-alerts bench-tampering bench-at-rest bench-audit bench-distribution bench-finger-counter bench-fingers

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 22

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

bench: $(VENV)/.ready ## the virtual bench: the whole appliance with hardware that is not there; docs/bench.md (root; ARGS="-k stick")
	@$(BIN)/python -m hil_tests.bench.run $(ARGS)

bench-long: $(VENV)/.ready ## the same with the long rounds: 100 power cuts and more (ARGS="--json bench.json")
	@$(BIN)/python -m hil_tests.bench.run --long $(ARGS)

bench-readers: $(VENV)/.ready ## from the last byte of a reader to the queue and to the officer's PC (ARGS="--documents 500")
	@$(BIN)/python -m benchmarks.reader_latency $(ARGS)

bench-documents: $(VENV)/.ready ## 140 million documents: build, look-ups, memory, SQLite beside; 12 GB of disk (ARGS="--records 5000000")
	@$(BIN)/python -m benchmarks.document_store $(ARGS)

bench-deltas: $(VENV)/.ready ## deltas and a compaction under 200 questions a second, kill -9 at 200 moments (ARGS="--kills 20")
	@$(BIN)/python -m benchmarks.document_deltas $(ARGS)

NAMES := .bench/names-million.jsonl
bench-names: $(VENV)/.ready ## a million names: time of a question, memory, start, nothing lost (ARGS="--recall 2000 --peers 50")
	@mkdir -p $(dir $(NAMES))
	@test -s $(NAMES) || { $(BIN)/python -m pip install --quiet --disable-pip-version-check --target .bench/faker faker==40.54.0 \
	  && PYTHONPATH=.bench/faker $(BIN)/python -m benchmarks.names_corpus --names 1000000 --out $(NAMES); }
	@$(BIN)/python -m benchmarks.names_million $(NAMES) $(ARGS)

bench-quality: $(VENV)/.ready ## how well names are told apart, rapidfuzz beside (ARGS="--oracle PYTHON" with nomenklatura)
	@$(BIN)/python -m benchmarks.name_quality $(ARGS)

bench-false-alerts: $(VENV)/.ready ## false alerts per 100,000 travellers, per threshold
	@$(BIN)/python -m benchmarks.false_alerts $(ARGS)

bench-tampering: $(VENV)/.ready ## every tampering with metadata, chunks, deltas, and what a box says (ARGS="--records 8000")
	@$(BIN)/python -m benchmarks.tampering $(ARGS)

bench-at-rest: $(VENV)/.ready ## what it costs to keep lists sealed
	@$(BIN)/python -m benchmarks.at_rest $(ARGS)

bench-audit: $(VENV)/.ready ## a million rows of the audit chain verified, plain hashing and SQLite's own checks beside (ARGS="--rows 100000")
	@$(BIN)/python -m benchmarks.audit_chain $(ARGS)

bench-fingers: $(VENV)/.ready ## a finger among 10,000 and 100,000: time, memory, nobody lost, others beside (ARGS="--sizes 1000000")
	@$(BIN)/python -m benchmarks.finger_search $(ARGS)

bench-finger-counter: $(VENV)/.ready ## from the pixels of a finger to candidates among 100,000 (ARGS="--extractor mindtct")
	@$(BIN)/python -m benchmarks.finger_counter $(ARGS)

bench-distribution: $(VENV)/.ready ## a base of 2 GiB and half a year of deltas into a box, tuf's own client beside (ARGS="--mebibytes 256")
	@$(BIN)/python -m benchmarks.distribution $(ARGS)

dist: $(VENV)/.ready ## the Debian package, with its own environment, and the same as a signed update (RELEASE=13; needs root, mmdebstrap)
	@$(BIN)/python packaging/dist.py $(RELEASE) $(ARGS)

appliance-test: $(VENV)/.ready ## the package into a clean Debian without a network, booted by systemd-nspawn (RELEASE=13; needs root)
	@$(BIN)/python -m pytest hil_tests/container --release=$(RELEASE) $(ARGS)

fuzz: $(VENV)/.ready ## coverage-guided fuzzing of every codec; atheris is fetched into .bench (ARGS="--seconds 60 --only rte")
	@$(BIN)/python -m benchmarks.codec_fuzz $(ARGS)

fuzz-envelopes: $(VENV)/.ready ## 100,000 spoilt envelopes, and requests, packages and sealed streams beside (ARGS="--count 1000000 --seed 2")
	@$(BIN)/python -m benchmarks.envelope_fuzz $(ARGS)

fuzz-sticks: $(VENV)/.ready ## 1,000 spoilt sticks through the whole visit (ARGS="--count 10000 --seed 2")
	@$(BIN)/python -m benchmarks.stick_fuzz $(ARGS)

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml
lock: ## write both lock files anew from pyproject.toml (needs uv): all, and what a box needs alone
	$(LOCK) --all-extras -o requirements.lock
	$(LOCK) --extra build --extra fingers -o requirements-box.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache ./*.egg-info
