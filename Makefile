# Two commands: `make run` uses ProductHub, `make test` checks it. `make help` lists the rest.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

# Where a Chromium is found, browser tests run; elsewhere they are left out.
CHROMIUM ?= $(shell for name in chromium chromium-browser google-chrome; do \
	command -v $$name && break; done)
export CHROMIUM

VENV := .venv/bin/python
INSTALL := @$(PYTHON) producthub/bootstrap.py
# Scratch PostgreSQL and Valkey around a command, unless DATABASE_URL and REDIS_URL are set.
BESIDE_SERVERS := $(VENV) -m producthub.embedded exec --name

.DEFAULT_GOAL := help
.PHONY: help run test lint bench drill clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 8

run: ## Use ProductHub at http://127.0.0.1:8000 (PORT=8001 moves it)
	$(INSTALL) base local semantic
	@exec $(VENV) -m producthub.supervisor --end-with-parent

test: ## Run every test (PYTEST_ARGS="tests/intake -k decide" narrows it)
	$(INSTALL) base local semantic dev $(if $(CHROMIUM),e2e)
	@$(if $(CHROMIUM),:,echo "No Chromium found: browser tests are left out.")
	@exec $(BESIDE_SERVERS) test -- $(VENV) -m pytest -n 2 -q $(PYTEST_ARGS)

lint: ## Check style, imports, types and migrations
	$(INSTALL) base local semantic dev
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	.venv/bin/lint-imports
	$(BESIDE_SERVERS) lint -- $(VENV) -m mypy .
	$(BESIDE_SERVERS) lint -- $(VENV) manage.py makemigrations --check --dry-run

bench: ## Measure pages, syncs and keystrokes (minutes)
	$(INSTALL) base local semantic dev
	@exec $(BESIDE_SERVERS) bench -- $(VENV) -m benchmarks $(BENCH_ARGS)

drill: ## Kill parts of a working hub fifty times (minutes; DRILL_ARGS="--kills 5 --seed 7")
	$(INSTALL) base local semantic dev
	@exec $(VENV) -m tests.drill $(DRILL_ARGS)

clean: ## Remove the environment, scratch data and caches; the local hub's data stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf .hub/pg0 .hub/logs .hub/test* .hub/lint* .hub/bench* .hub/drill
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
