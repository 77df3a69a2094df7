# Everything a new user or developer runs; each target sets up `.venv` by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all check clean

demo: $(VENV)/.base  ## track the bundled clip, from the bundled detector and from stored detections
	$(BIN)/deptr track assets/vtest.mp4 --output runs/demo-detector --overwrite
	$(BIN)/deptr track assets/vtest.mp4 --detections assets/vtest_det.txt --depth pseudo --output runs/demo --overwrite

test: $(VENV)/.dev check  ## every check but the slow ones
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/.dev check  ## every check
	$(BIN)/python -m pytest -n auto -m ""

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

# torch comes first and pinned: a package that asks for plain torch would pull gigabytes of CUDA
$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable '.[train,teacher,export,distributed,dev]'
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache
