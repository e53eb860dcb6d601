# What a newcomer, a developer and CI do, by name. `make` lists it.
# Each target does its own set-up; ARGS is handed on: make demo ARGS="--seconds 30"

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Where it is set, every worker that a test starts compiles all modules anew: a second each.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The newest supported Python that really runs (a version manager's shim may be there and refuse).
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)

.PHONY: help setup demo check quick test nightly chaos lint docs format bench soak kafka dist lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# uv installs in a sixth of pip's time (image.lock, 2 cores: 11 s for 61 s), and checks the lock's hashes, too.
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python

# $(call timed,WHAT,COMMAND): say what is done, every ten seconds for how long, and in the end how long it took
define timed
@printf '%s …\n' '$(1)'; \
	(while sleep 10 >/dev/null; do printf '%6d s …\n' $$SECONDS; done) & ticker=$$!; \
	trap "kill $$ticker" EXIT; \
	$(2); \
	printf '%6d s: done\n' $$SECONDS
endef

setup: $(VENV)/.installed $(VENV)/.compiled ## Make .venv with nearline in it (quick when nothing changed)

# What runs, without what only developers use: `make demo` waits for no more.
$(VENV)/.runtime: deploy/image.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "nearline needs Python 3.11, 3.12 or 3.13 on PATH" >&2; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); fi
	$(call timed,installing what nearline runs with,$(PIP) "uv>=0.8" && $(UV) -r deploy/image.lock)
	@$(UV) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed: $(VENV)/.runtime deploy/requirements.lock
	$(call timed,installing what developers use,$(UV) -r deploy/requirements.lock)
	@touch $@

# At LLVM's level 2 kernels compile in a seventh less time than at 3, numba's default, and are as fast.
$(VENV)/.compiled: $(VENV)/.runtime $(shell find online_models -name '*.py')
	@echo "compiling kernels …"
	@NUMBA_OPT=2 $(BIN)/python -m online_models.compile
	@touch $@

demo: $(VENV)/.compiled ## Watch home pages change as simulated viewers watch (no Kafka needed)
	@$(BIN)/nearline demo $(ARGS)

# More processes than cores: tests wait for workers, those on a real Kafka most of their time.
# ARGS="--processes 0 -k topics" runs a few tests in one process.
PYTEST = $(BIN)/python -m pytest -p tests.parallel --processes 8

check: setup ## Before every commit: lint, and all tests that need no Java (10 examples of each law)
	@$(MAKE) --jobs 2 lint quick

quick: setup
	$(PYTEST) --hypothesis-profile quick -m "not kafka" $(ARGS)

test: setup ## Run what the README promises (on a real Kafka when Java 17 and Maven are there; 50 examples)
	$(PYTEST) $(ARGS)

nightly: setup dist ## Run everything: what takes minutes, 200 examples of each law, guarded memory, 20 faults
	NEARLINE_NIGHTLY=1 $(MAKE) test
	$(BIN)/python -m tests.guarded -q --hypothesis-profile quick tests/online_models
	$(BIN)/python -m tests.chaos --cycles 20 --any-speed

CYCLES ?= 50
SEED ?= 7
chaos: setup ## Kill anything, lose nothing: CYCLES=50 SEED=7 faults on a Kafka of three nodes
	$(BIN)/python -m tests.chaos --cycles $(CYCLES) --seed $(SEED) $(ARGS)

lint: setup ## Check style, types, import contracts and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.contract_tools

# Below dist/site, a folder for each version. What it needs is installed for it alone: `make setup` waits for none of it.
docs: setup deploy/docs.lock ## Build the documentation site into dist/site, strictly: links, references, examples
	@$(UV) -r deploy/docs.lock
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file deploy/site/mkdocs.yml

format: setup ## Let the formatter and the safe fixes loose
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup $(VENV)/.peers ## Measure nearline and its peers on a real Kafka: ratios first
	$(BIN)/python -m tests.benchmarks $(ARGS)

soak: setup ## Six hours in one, everything that happens at once: what grows, and why (ARGS="--minutes 5")
	$(BIN)/python -m tests.benchmarks.long_soak $(ARGS)

# An environment of its own: Quix Streams needs an older confluent-kafka. Without a network bench leaves it out.
$(VENV)/.peers: $(VENV)/.runtime tests/benchmarks/peers/requirements.txt
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/peers
	-@$(BIN)/uv pip install --quiet --python $(VENV)/peers/bin/python -r tests/benchmarks/peers/requirements.txt \
		&& touch $@ || rm -rf $(VENV)/peers

kafka: setup ## Start a real Kafka on 127.0.0.1:19092 and create the topics
	$(BIN)/nearline kafka start $(ARGS)
	$(BIN)/nearline topics apply

# The wheel is built out of the sdist, with kernels compiled beforehand: for this Python, and this kind of machine.
dist: $(VENV)/.runtime ## Build wheel, sdist, image context, release notes and bill of materials into dist
	rm -rf dist/nearline-*
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python
	$(BIN)/python -m deploy.release

lock: setup ## Resolve the versions in deploy/requirements.lock and image.lock anew
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-emit-index-url --quiet -o deploy/requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group image --extra otel --universal --python-version 3.11 \
		-c deploy/requirements.lock --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet \
		-o deploy/image.lock
	$(BIN)/uv pip compile --group docs --universal --python-version 3.11 \
		-c deploy/requirements.lock --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet \
		-o deploy/docs.lock

clean: ## Remove the environment, caches and local state
	rm -rf $(VENV) .nearline .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
