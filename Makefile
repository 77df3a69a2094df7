# Everything a new user or developer runs; each target sets up `.venv` by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: demo test test-all test-base check docs docs-serve clean

demo: $(VENV)/.base  ## track the bundled clip, from the bundled detector and from stored detections
	$(BIN)/deptr track assets/vtest.mp4 --output runs/demo-detector --overwrite
	$(BIN)/deptr track assets/vtest.mp4 --detections assets/vtest_det.txt --depth pseudo --output runs/demo --overwrite

test: $(VENV)/.dev check docs  ## every check but the slow ones
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/.dev check docs  ## every check
	$(BIN)/python -m pytest -n auto -m ""

test-base: $(VENV)/.test  ## the tests of the base install, without torch, on any supported Python
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# not --quiet, which would keep warnings from counting
docs: $(VENV)/.docs  ## the documentation into site/; a broken link, anchor or docstring is an error
	$(BIN)/mkdocs build

docs-serve: $(VENV)/.docs  ## the documentation while it is written, at http://127.0.0.1:8000
	$(BIN)/mkdocs serve

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[docs]'
	touch $@ $(VENV)/.base

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.base

# torch comes first and pinned: a package that asks for plain torch would pull gigabytes of CUDA
$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable '.[train,teacher,export,distributed,serve,tables,tune,sensors,ros,foxglove,rerun,dev,docs]'
	touch $@ $(VENV)/.base $(VENV)/.docs $(VENV)/.test

clean:
	rm -rf $(VENV) runs site .mypy_cache .ruff_cache
