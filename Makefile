# Everything a newcomer needs. `make help` lists it.
SHELL := /bin/bash
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
PYTHON ?= python3
TIED := $(shell command -v setpriv >/dev/null 2>&1 && echo setpriv --pdeathsig TERM)
CODE := contracts custodians orchestrator tests
# each starts the whole system: one after the other, with both cores for itself
SYSTEMS := tests/e2e tests/kills tests/tour tests/runbooks/test_pages.py tests/crash/test_crash.py

.DEFAULT_GOAL := help
.PHONY: help install demo up test quick bench crash soak check fmt lint types imports dependencies spelling schemas clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: .venv/.ready ## install into .venv what the lock file names

.venv/.ready: pyproject.toml uv.lock
	@command -v uv >/dev/null 2>&1 || test -x .uv/bin/uv || \
	  { $(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'; }
	@UV=$$(command -v uv || echo .uv/bin/uv); $$UV sync --quiet --locked --all-extras --compile-bytecode --python $(PYTHON)
	@touch $@

demo: install ## one access and one erasure request, start to end, on this machine
	@$(TIED) $(BIN)/dsar demo

up: install ## the whole system in the foreground
	@$(TIED) $(BIN)/dsar up

test: install ## all tests, on embedded services (and on containers where an engine answers)
	@$(TIED) $(BIN)/pytest -n 2 --dist loadgroup $(SYSTEMS:%=--ignore=%)
	@$(TIED) $(BIN)/pytest $(SYSTEMS)

quick: install ## what needs no service: a minute at most
	@$(BIN)/pytest tests/unit tests/contracts tests/custodians tests/house

bench: install ## CPU, time, memory, statements and messages of a request (MORE="--in-a-row 10000 --rows 200000 --idle")
	@$(TIED) $(BIN)/python -m tests.bench $(MORE)

check: fmt lint types imports dependencies spelling test ## exactly what CI runs

crash: install ## 225 faults of every kind while 500 people ask, judged from outside (MORE="--seed 7")
	@$(TIED) $(BIN)/python -m tests.crash $(MORE)

soak: install ## the same for an hour, then every planted bug, which must be caught
	@$(TIED) $(BIN)/python -m tests.crash --minutes 60 --faults 1500 --requests 3000 $(MORE)
	@$(TIED) $(BIN)/python -m tests.crash.mutants

fmt: install
	@$(BIN)/ruff format --check $(CODE)

lint: install
	@$(BIN)/ruff check $(CODE)

types: install
	@$(BIN)/mypy

imports: install
	@$(BIN)/lint-imports

dependencies: install
	@$(BIN)/deptry .

spelling: install
	@$(BIN)/codespell

schemas: install ## write contracts/schemas and contracts/golden anew
	@$(BIN)/python -m contracts.schemas

clean: ## remove what was installed and cached
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
