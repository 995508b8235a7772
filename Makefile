# Everything runs in .venv, which is made from any Python >= 3.11 when it is missing or outdated.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
    $$name -c '$(NEW_ENOUGH)' 2> /dev/null && echo $$name && break; done)
endif
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Most tests wait for processes that they started: three at a time fill two cores. A file's tests stay
# together, in their order; TOGETHER= runs all of them in one process.
TOGETHER ?= -n 3 --dist loadfile --no-loadscope-reorder
ONLY ?=

.PHONY: run test coverage lint ruff-check ruff-format mypy lint-imports bench conformance fuzz soak clients clean help

help: ## show what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.run ## start the service (flags: make run ARGS="--port 9443")
	@$(BIN)/odimra serve $(ARGS)

test: $(VENV)/.dev ## run the tests (some of them: make test ARGS="tests/doors -k wheel")
	@$(BIN)/python -m pytest $(TOGETHER) $(ARGS)

coverage: $(VENV)/.dev ## run the tests and show which lines they miss
	@$(BIN)/python -m pytest $(TOGETHER) --cov --cov-report=term --cov-fail-under=95 $(ARGS)

lint: ruff-check ruff-format mypy lint-imports ## style, types and the walls of the house (-k shows all)

ruff-check: $(VENV)/.dev
	$(BIN)/ruff check .

ruff-format: $(VENV)/.dev
	$(BIN)/ruff format --check .

mypy: $(VENV)/.dev
	$(BIN)/mypy

lint-imports: $(VENV)/.dev
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## measure (one row: make bench ONLY=name)
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

conformance: $(VENV)/.dev ## run the DMTF's tools against a freshly started service
	@$(BIN)/python -m tests.conformance.run $(ARGS)

clients: $(VENV)/.dev ## run real Redfish clients against a started service
	@$(BIN)/python -m pytest tests/clients $(ARGS)

fuzz: $(VENV)/.dev ## send what the OpenAPI document allows, and what not
	@$(BIN)/python -m tests.describe.fuzz $(ARGS)

soak: $(VENV)/.dev ## run a load for hours while servers and workers are killed
	@$(BIN)/python -m benchmarks.soak $(ARGS)

clean: ## remove what was built; the state folder stays
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov .bench .conformance
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A failed install leaves no stamp, so that the next make tries again.
$(VENV)/.base:
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2> /dev/null || { \
	    echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "the venv module is needed (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@touch $@

$(VENV)/.run: setup.cfg pyproject.toml $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: setup.cfg pyproject.toml $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,clients]'
	@touch $@ $(VENV)/.run
