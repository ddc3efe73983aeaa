# What there is to run; `make` alone lists it. Needs Python 3.11 or newer (another one: `make PYTHON=python3.12 …`) and make.

SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
UV ?= uv

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PAGES := api/static/manifest.json
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.DEFAULT_GOAL := help
.PHONY: help setup pages demo test check bench chaos screenshots pictures fmt lock clean

help: ## list these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.run $(VENV)/.self pages ## make .venv with what the product needs, hash-pinned
	@:

pages: $(PAGES) ## bundle what the pages need in a browser
	@:

demo: setup ## run the product here on paper money; options: make demo ARGS="--accounts 8"
	@exec $(BIN)/tradefleet demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.self pages ## run the whole test suite; a part of it: make test ARGS=tests/unit/trading
	@exec $(BIN)/python -m pytest -m "not chaos" $(ARGS)

chaos: $(VENV)/.dev $(VENV)/.self ## run the long fault tests
	@exec $(BIN)/python -m pytest -m chaos $(ARGS)

check: $(VENV)/.dev $(VENV)/.self ## format, lint, types, and which room imports which
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

fmt: $(VENV)/.dev $(VENV)/.self ## format the code and apply the safe fixes
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/.dev $(VENV)/.self ## run every benchmark; each prints one JSON line with its floor
	@for bench in bench/[!_]*.py; do $(BIN)/python $$bench $(ARGS) || exit 1; done

screenshots: $(VENV)/.dev $(VENV)/.self pages ## take the pictures of docs/screenshots anew (needs /usr/bin/chromium)
	@exec $(BIN)/python -m tests.browser.screenshots $(ARGS)

pictures: $(VENV)/.dev $(VENV)/.self ## let every strategy trade and draw docs/strategies/pictures anew
	@exec $(BIN)/python -m tests.integration.trading.pictures

lock: ## write the lock files anew (needs uv and the network)
	$(COMPILE) --group pages --output-file requirements-pages.lock
	$(COMPILE) --group build pyproject.toml --output-file requirements.lock
	$(COMPILE) --group dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock

clean: ## remove .venv, the bundled pages and every cache of a tool
	@rm -rf $(VENV) api/static web/node_modules .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so that a set-up cut short is done again.

.NOTPARALLEL:

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Tradefleet needs Python 3.11 or newer and $(PYTHON) is not: name one, as in  make PYTHON=python3.11 setup" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements.lock | $(VENV)/.made
	@echo "Installing what Tradefleet needs into $(VENV) (about a minute, once)"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.made
	@echo "Installing what its tests need into $(VENV) (about a minute, once)"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $(VENV)/.run $@

# After one of the two above: they bring the build backend.
$(VENV)/.self: pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Without Node and without a way to fetch it the product runs all the same.
$(PAGES): web/package-lock.json $(wildcard web/*.js web/*.css web/public/* api/templates/*.html api/templates/*/*.html) | $(VENV)/.made
	@echo "Bundling the pages (about ten seconds, once)"
	@web/bundle $(BIN)/python || echo "The pages could not be bundled, so they look plain; the API runs. Try again: make pages" >&2
