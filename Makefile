# `make` alone says what there is. Everything runs in .venv, which is made when it is first needed and renewed when
# pyproject.toml or constraints.txt changes. Another Python: make test PYTHON=python3.13 (after rm -r .venv).

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready
BENCHMARKS := $(filter-out %/rounds.py,$(sort $(wildcard benchmarks/micro/*.py)))
FIND_PYTHON := import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench peers race choice docs clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## take a census of the standard library's source files, on all CPUs (ARGS="-o FILE")
	$(BIN)/python examples/census.py $(ARGS)

test: $(READY) ## run the tests (ARGS="tests/... -k ..." for some of them)
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## lint, formatting, types, and the floors that imports have to keep
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

soak: $(READY) ## kill a program again and again, and see that nothing is lost (ARGS="--rounds 5000")
	$(BIN)/python -m tests.torture.torture $(ARGS)

bench: $(READY) ## run benchmarks/micro, one file after the other (ARGS=--quick for fewer rounds)
	@status=0; for file in $(BENCHMARKS); do \
		echo "== $$file"; $(BIN)/python $$file $(ARGS) || status=1; \
	done; exit $$status

peers: $(PEERS_READY) ## compare with other pools, in an environment of its own (ARGS="tiny even --quick")
	$(PEERS)/bin/python benchmarks/peers/all.py $(ARGS)

race: $(PEERS_READY) ## compare atonce.race with other checkers (ARGS=--quick for one seed)
	$(PEERS)/bin/python benchmarks/race/compare.py $(ARGS)

choice: $(PEERS_READY) ## compare engine="auto" with the best engine, workload by workload (ARGS="--only http --rounds 1")
	$(PEERS)/bin/python benchmarks/choice/regret.py $(ARGS)

docs: ## say where the documentation is
	@echo "Nothing is built yet: the documentation is README.md, the docs folder, and the README files inside src/atonce."

clean: ## remove what tests, checks and builds left behind; .venv and .venv-peers stay
	rm -rf build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache census.jsonl
	find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# An old pip does not know dependency groups (25.1) or constraints for the build (25.3), so the first step renews it if need be.
$(READY): pyproject.toml constraints.txt
	@version=$$($(PYTHON) -c '$(FIND_PYTHON)') || { \
		echo "atonce needs Python 3.11 or newer, and '$(PYTHON)' is $${version:-not to be found}." >&2; \
		echo "Name another one: make $(or $(MAKECMDGOALS),test) PYTHON=python3.13" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.3'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev \
		--constraint constraints.txt --build-constraint constraints.txt
	@touch $@

# The libraries that we are compared with, newest versions: they are no part of the development environment.
$(PEERS_READY): pyproject.toml
	test -x $(PEERS)/bin/pip || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=25.3'
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --editable . --group peers
	@touch $@
