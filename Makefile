# make run    the demo, on its own environment and embedded defaults
# make test   the whole test suite
# make bench  what it costs, against floors and peers: a quarter of an hour on a machine that does nothing else
# make check  lint, types, import contracts, examples in the docs
.PHONY: soak run test bench check fix faults fuzz score docs lock

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An installed environment is a stamp file, so that a warm start costs make alone.
BASE := $(VENV)/.base
TEST := $(VENV)/.test
BENCH := $(VENV)/.bench
# uv is fast; pip knows the indexes that only pip was told of.
LOCKED = $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r $(1) \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate
# What the suite runs with; the whole set is resolved first and binds the smaller ones, as it is the hardest to satisfy.
TESTED := --extra ml --extra reports --extra redis --extra s3
# A start from source that may not keep its compiled files pays for them each time.
unexport PYTHONDONTWRITEBYTECODE

# `exec` all the way down: the daemon itself gets the signals of the terminal.
run: $(BASE)
	@LEVI_DAEMON__STATE_DIR=$${LEVI_DAEMON__STATE_DIR:-.run} exec $(BIN)/levibotd run --demo

test: $(TEST)
	$(BIN)/pytest -q -n 2 $(ARGS)

check: $(TEST)
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m docs.examples README.md docs/tutorial.md docs/how-to/channels.md docs/how-to/reports.md \
		docs/how-to/secrets.md

fix: $(TEST)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

faults: $(TEST)
	@$(BIN)/python -m tests.faults

# The property tests, with many more examples, a million strange posts, and a running daemon asked at random for half
# an hour at most.
fuzz: $(TEST)
	$(BIN)/python -m tests.corpus.fuzz 1000000
	$(BIN)/pytest -q tests/process/test_openapi.py --hypothesis-profile=fuzz --timeout=1800 $(ARGS)
	$(BIN)/pytest -q -n 2 -m "hypothesis and not real_time" --hypothesis-profile=fuzz --timeout=1800 $(ARGS)

# Half an hour of a real daemon at fifty times the demo's load, and a simulated day: does anything leak?
soak: $(TEST)
	$(BIN)/python -m bench.soak --minutes 30 --load 50
	$(BIN)/python -m bench.soak --simulated-h 24 --load 3

# How well posts of unseen channels are read: five folds over channels, and the shipped model on its own labels beside
# it. LEVIBOT_DATA is the data directory, LEVIBOT_SCORER a script that scores answers of `parse` against labels.
score: $(TEST)
	@test -n "$$LEVIBOT_DATA" || { echo "make score: set LEVIBOT_DATA to the data directory" >&2; exit 2; }
	@test -n "$$LEVIBOT_SCORER" || { echo "make score: set LEVIBOT_SCORER to the script that scores" >&2; exit 2; }
	@$(BIN)/python -m tests.score "$$LEVIBOT_SCORER" \
		"$$LEVIBOT_DATA/signals/dev/labels.jsonl" "$$LEVIBOT_DATA/signals/dev/messages.jsonl.gz"

# ARGS="--only kernel --json figures.json"; a missed gate is marked and fails nothing.
bench: $(BENCH)
	@$(BIN)/python -m bench $(ARGS)

docs: $(TEST)
	$(BIN)/python -m docs.generate

# Newer versions within the bounds of pyproject.toml; hashes only, no host.
lock: $(TEST)
	$(COMPILE) --upgrade requirements/tools.in -o requirements/tools.txt
	$(COMPILE) --upgrade pyproject.toml $(TESTED) --extra test -o requirements/test.txt
	$(COMPILE) --upgrade pyproject.toml -c requirements/test.txt -o requirements/base.txt
	$(COMPILE) --upgrade pyproject.toml --extra ml -c requirements/test.txt -o requirements/ml.txt
	$(COMPILE) --upgrade pyproject.toml --extra ml --extra reports --extra bench -c requirements/test.txt -o requirements/bench.txt

$(BASE): pyproject.toml requirements/tools.txt requirements/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "levibotd needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	$(call LOCKED,requirements/base.txt)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q levibotd actors
	@touch $@

$(TEST): $(BASE) requirements/test.txt
	$(call LOCKED,requirements/test.txt)
	@touch $@

$(BENCH): $(TEST) requirements/bench.txt
	$(call LOCKED,requirements/bench.txt)
	@touch $@
