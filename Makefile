# Every target works as the first command after a clone: it creates the environment if needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo lifecycle scenes-weights train test test-slow coverage lint types wheel-trial export-trial label-trial bench torture tensorboard lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(READY) ## install into .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "segdrone needs Python 3.11 to 3.13: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## train and score on synthetic scenes, predict a large one: some minutes on two cores
	$(BIN)/python examples/demo.py $(ARGS)

lifecycle: $(READY) ## train, serve, notice drift, train again, compare and replace a model, on synthetic scenes: ten minutes
	$(BIN)/python examples/lifecycle.py $(ARGS)

scenes-weights: $(READY) ## train the included model `scenes` anew, on rendered scenes: an hour and a half on two cores
	$(BIN)/python examples/scenes_weights.py $(ARGS)

train: $(READY) ## train on the Semantic Drone Dataset: ARGS="data.root=FOLDER ..."
	$(BIN)/segdrone train $(ARGS)

test: $(READY) ## run the tests
	$(BIN)/python -m pytest $(ARGS)

test-slow: $(READY) ## run the tests that make test leaves out
	$(BIN)/python -m pytest -m slow $(ARGS)

coverage: $(READY) ## run all tests and report which lines and branches they run
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "" $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(READY) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## check types
	$(BIN)/mypy

wheel-trial: $(READY) ## build the wheel and use it in an empty folder
	tests/wheel_trial.sh

export-trial: $(READY) ## convert a small model to the formats that need an environment of their own: installs 4 GB
	$(BIN)/python -m tests.export_trial

label-trial: $(READY) ## correct labels in a Label Studio, and let it label by a model: installs 850 MB
	$(BIN)/python -m tests.label_studio_trial outputs/label-trial

bench: $(READY) ## run the benchmarks; for their options see benchmarks/*.py --help
	$(BIN)/python benchmarks/epoch.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/backend.py
	$(BIN)/python benchmarks/inference.py --no-monai
	$(BIN)/python benchmarks/runtime.py
	$(BIN)/python benchmarks/evaluation.py

torture: $(READY) ## kill commands, fill their disk, damage the files that they read: ARGS="--minutes 60", --help
	$(BIN)/python -m benchmarks.torture $(ARGS)

tensorboard: $(READY) ## show all runs in a browser
	$(BIN)/tensorboard --logdir outputs

lock: $(READY) ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-header --no-annotate \
		--generate-hashes --quiet --upgrade --output-file requirements.lock
	for name in runtime serve; do \
		$(BIN)/uv pip compile requirements-$$name.in --constraint requirements.lock --universal --python-version 3.11 \
		--no-header --no-annotate --generate-hashes --quiet --upgrade --output-file requirements-$$name.lock || exit 1; \
	done

clean: ## remove the environment, runs and synthetic scenes
	rm -rf .venv outputs datasets/sample-* datasets/crowded-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
