# The doors of the house; each one calls what it needs. `make demo` is the first thing to try.
.DEFAULT_GOAL := help
.PHONY: help setup flink s3 demo down test test-long bench docs clean
BIN := .venv/bin
DATA ?=
# Without .pyc files every short-lived step would compile its libraries again.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## the environment in .venv and the jars
	@stack/bootstrap.sh

flink: setup ## Flink's own environment, for HEADWATER_STREAM_ENGINE=flink
	@$(BIN)/python -m stack.flink

s3: setup ## what Spark reads a lake on S3 with, 650 MB, for HEADWATER_LAKE=s3://...
	@$(BIN)/python -m stack.jars fetch s3

demo: setup ## install, start, import, train, serve; DATA=a MovieLens zip or a folder of tables
	@$(BIN)/headwater demo $(if $(DATA),--data "$(DATA)")

down: ## stop the stack; data stays
	@if [ -x $(BIN)/headwater ]; then $(BIN)/headwater down; fi

test: setup ## everything that guards main
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not long"

test-long: setup ## what takes longer
	$(BIN)/pytest -m long --timeout 3600

bench: setup ## every benchmark, one after another
	$(BIN)/headwater bench all

docs: setup ## the documentation as pages in build/docs
	$(BIN)/python -m sphinx -W -b html docs build/docs

clean: down ## remove what the others made
	rm -rf .venv .venv-flink .headwater build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
