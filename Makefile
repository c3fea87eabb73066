# Every target works as the very first command after the clone: what it needs is made on the way.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo train test lint types bench tensorboard lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(READY) ## install into .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "segdrone needs Python 3.11 to 3.13: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(READY) ## train and evaluate on rendered scenes, a few minutes on two cores
	$(BIN)/python train.py experiment=demo

train: $(READY) ## train on the Semantic Drone Dataset; choices as ARGS="data.root=FOLDER ..."
	$(BIN)/python train.py $(ARGS)

test: $(READY) ## run all tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY) ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## check types
	$(BIN)/mypy

bench: $(READY) ## measure what is claimed to be fast; for choices see benchmarks/*.py --help
	$(BIN)/python benchmarks/epoch.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/inference.py --no-monai
	$(BIN)/python benchmarks/evaluation.py

tensorboard: $(READY) ## look at all runs in a browser
	$(BIN)/tensorboard --logdir outputs

lock: $(READY) ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-header --no-annotate \
		--generate-hashes --quiet --upgrade --output-file requirements.lock

clean: ## remove the environment, runs and rendered scenes
	rm -rf .venv outputs datasets/sample-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
