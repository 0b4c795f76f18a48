# `make help` lists the targets. Needs Python 3.11 and make, for the page Node 20, for the tests
# Node 20 and Chromium. All else goes into .venv and web/node_modules.
PYTHON ?= python3
MODEL ?= photo
BIN := .venv/bin
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help install train test lint unit test-arm test-workers test-beam test-serving web serve-web lock lock-serving lock-beam clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: .venv/installed  ## make .venv with everything in requirements.lock

.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

train: install  ## train configs/quickstart.yaml into runs/quickstart (under 6 minutes)
	$(BIN)/python -m kdae.train --config configs/quickstart.yaml

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: docs
docs: install  ## build docs/ and the API reference into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --silent --no-audit --no-fund

web/public/models/models.json: $(wildcard kdae/weights/*) web/tools/models.py \
		kdae/exporters/tfjs.py web/tests/golden/noisy.png web/node_modules/.package-lock.json \
		| .venv/installed
	$(BIN)/python web/tools/models.py

web: web/public/models/models.json  ## export the shipped models and build the page into web/dist
	cd web && npm run --silent build

serve-web: web  ## open the page in a browser
	cd web && npm run --silent preview -- --open

unit: install web  ## the tests alone
	$(BIN)/pytest

test: lint unit  ## lint, then run everything

# Outside `test`, as it needs root, and a network the first time.
test-arm: install  ## run the TFLite files of MODEL (photo) on an emulated ARM, as root
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && \
		$(BIN)/python -m kdae.export --model $(MODEL) --format tflite --out $$folder && \
		export/mobile/arm/run.sh $$folder/*/tflite $(BIN)/python

.venv-beam/installed: export/beam/requirements.lock pyproject.toml | .venv/installed
	test -x .venv-beam/bin/python || $(BIN)/python -m venv --without-pip .venv-beam
	$(BIN)/uv pip install --quiet --python .venv-beam/bin/python -r export/beam/requirements.lock
	$(BIN)/uv pip install --quiet --python .venv-beam/bin/python --no-deps --editable .
	touch $@

test-beam: install .venv-beam/installed  ## the Apache Beam pipeline against kdae.denoise, 500 pictures
	.venv-beam/bin/python -m pytest export/beam

SERVING := export/serving/.venv/bin
$(SERVING)/installed: export/serving/requirements.lock | .venv/installed
	test -x $(SERVING)/python || $(PYTHON) -m venv export/serving/.venv
	$(BIN)/uv pip install --quiet --python $(SERVING)/python -r export/serving/requirements.lock
	touch $@

# Outside `test`, as it takes 25 minutes and a machine that does nothing else.
test-serving: install $(SERVING)/installed  ## the model behind KServe: client, hostile files, load, memory
	$(BIN)/pytest -s export/serving
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && \
		$(BIN)/python -m kdae.export --model photo --format savedmodel --out $$folder && \
		$(SERVING)/python export/serving/load.py $$folder/photo/savedmodel/1

# Outside `test`, which has a part of it: takes a quarter of an hour.
test-workers: install  ## lose training workers in every way, and go on
	$(BIN)/pytest tests/slow_workers.py

lock: install  ## resolve requirements.lock anew
	$(BIN)/uv pip compile --quiet --extra dev --no-emit-index-url --python-version 3.11 \
		--no-header --upgrade pyproject.toml -o requirements.lock

lock-serving: install  ## resolve export/serving/requirements.lock anew
	$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --no-header \
		--upgrade export/serving/requirements.in -o export/serving/requirements.lock

lock-beam: install  ## resolve export/beam/requirements.lock anew
	$(BIN)/uv pip compile --quiet --extra beam --no-emit-index-url --python-version 3.11 \
		--no-header --upgrade pyproject.toml export/beam/requirements.in \
		-o export/beam/requirements.lock

clean:  ## remove .venv and caches, not runs
	rm -rf .venv .venv-beam export/serving/.venv .mypy_cache .pytest_cache .ruff_cache dist
