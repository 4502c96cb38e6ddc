# `make` shows what there is. `bench` and `test` set up everything they need the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RESULTS ?= results/local
SETUP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help bench paper test lint tables figures docs report ui perf clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SETUP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

bench: $(SETUP)  ## Run the demo on real data from installed packages and show the table (about 5 minutes)
	$(BIN)/bench run --suite demo --results $(RESULTS)
	@$(MAKE) --no-print-directory report

paper: $(SETUP)  ## Run the paper's comparison; runs that are done are not run again
	$(BIN)/bench run --suite paper --results $(RESULTS)
	@$(MAKE) --no-print-directory report

test: $(SETUP) lint  ## Check style and types, run the tests
	$(BIN)/python -m pytest

lint: $(SETUP)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tables: $(SETUP)  ## Rebuild results/tables from the committed records
	$(BIN)/bench tables

figures: $(SETUP)  ## Rebuild the figures in results/figures that the committed records alone can make
	$(BIN)/bench plot all

docs: $(SETUP)  ## Rebuild the pages that say what docstrings and committed records say
	$(BIN)/python docs/generate.py

report: $(SETUP)  ## Show the table of your runs, write it as LaTeX, Markdown and CSV, and write a page about them
	@$(BIN)/bench table --results $(RESULTS)
	@for format in markdown:md latex:tex csv:csv; do \
		$(BIN)/bench table --results $(RESULTS) --format $${format%:*} --out $(RESULTS)/tables/table.$${format#*:} || exit 1; \
	done
	@$(BIN)/bench report --results $(RESULTS) --out $(RESULTS)/report.html
	@echo "records: $(RESULTS)/records   MLflow: $(RESULTS)/mlflow.db (make ui opens it)"

ui: $(SETUP)  ## Open MLflow's pages over your results
	$(BIN)/bench ui --results $(RESULTS)

perf: $(SETUP)  ## Measure how fast we are, against textbook loops, in one run
	$(BIN)/python -m benchmarks $(if $(DEVICE),--device $(DEVICE)) $(if $(ONLY),--only $(ONLY))

clean:  ## Remove the environment and caches; results stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
