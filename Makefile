# One word for each thing you do with Muniment. `make help` lists them.
# Needs python3 >= 3.11 with venv, make, and the package index; everything else is installed here.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_DOCS := examples/handbook ARCHITECTURE.md docs/guides docs/decisions
T ?= tests
JOBS ?= 2
# What decides who may see what, and whether a quote is true: every line and every branch is tested.
WHOLE := src/muniment/identity/*,src/muniment/api_keys/*,src/muniment/*/policy.py,src/muniment/answers/citations.py,src/muniment/answers/repository.py,src/muniment/answers/service.py

.PHONY: setup demo test cover trial check fix serve keycloak bench lock help
.DEFAULT_GOAL := help

setup: $(VENV)/.installed ## make .venv and install everything, hash-checked

$(VENV)/.installed: requirements/dev.txt pyproject.toml packages/muniment-minilm/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Muniment needs Python 3.11 or newer; point PYTHON at one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements/dev.txt requirements/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e packages/muniment-minilm -e .
	@touch $@

demo: setup ## ingest real documents and answer questions with citations (DOCS=folder Q="question")
	@if [ -n "$$Q" ]; then set -- --question "$$Q"; \
	elif [ -z "$$DOCS" ]; then set -- --questions examples/questions.toml; else set --; fi; \
	if [ -n "$$DOCS" ]; then set -- "$$@" "$$DOCS"; else set -- "$$@" $(DEMO_DOCS); fi; \
	$(BIN)/python -m muniment.cli.demo "$$@"

test: setup ## run the tests (T=tests/library for a part)
	$(BIN)/pytest -n $(JOBS) --dist loadgroup $(T)

cover: setup ## run the tests, and fail where fewer lines and branches ran than is promised
	$(BIN)/pytest -n $(JOBS) --dist loadgroup --cov --cov-report= $(T)
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --fail-under=100 --include='$(WHOLE)'

trial: setup ## kill everything at any moment, for minutes (KILL_SEED=7 draws the same again)
	$(BIN)/pytest -s tests/trials/trial_*.py

check: setup ## everything that is checked without running the product: style, types, imports, references
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/codespell src tests docs packages bench *.md
	$(BIN)/python -m muniment.app.reference --check

fix: setup ## put right what tools can put right, and write the references anew
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .
	$(BIN)/python -m muniment.app.reference

keycloak: setup ## a real Keycloak to play with, in memory until Ctrl-C (docs/guides/keycloak.md; KEYCLOAK_PORT=8080)
	@$(BIN)/python -m tests.support.keycloak

serve: setup ## start everything on http://127.0.0.1:8000
	$(BIN)/muniment up

bench: setup ## measure, as ratios to floors of the same run
	$(BIN)/python -m bench

lock: setup ## resolve the requirements anew
	$(BIN)/python requirements/lock.py

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
