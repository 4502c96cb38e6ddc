# `make` shows what there is. `bench` and `test` set up everything they need the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RESULTS ?= results/local
SETUP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help bench test lint paper tables report ui perf clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SETUP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

bench: $(SETUP)  ## Run the demo on real data from installed packages and show the table (about 5 minutes)
	$(BIN)/bench run --suite demo --results $(RESULTS)
	@$(BIN)/bench table --results $(RESULTS)
	@$(BIN)/bench table --results $(RESULTS) --format latex --out $(RESULTS)/tables/demo.tex
	@$(BIN)/bench table --results $(RESULTS) --format markdown --out $(RESULTS)/tables/demo.md
	@echo "records: $(RESULTS)/records   MLflow: $(RESULTS)/mlflow.db (make ui opens it)"

test: $(SETUP) lint  ## Check style and types, run the tests
	$(BIN)/python -m pytest

lint: $(SETUP)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ui: $(SETUP)  ## Open MLflow's pages over the results
	$(BIN)/bench ui --results $(RESULTS)

clean:  ## Remove the environment and caches; results stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
