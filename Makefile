PYTHON ?= python3
# PyPI's torch for Linux brings several GB of CUDA along; this index has the one for CPUs.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

BIN := .venv/bin
TORCH := $(shell grep '^torch==' requirements.txt)

.PHONY: help demo serve test check bench

help:
	@echo "make demo    start the three services, clone a voice, write demo/speech.wav"
	@echo "make serve   run the gateway and the services on this machine until Ctrl-C"
	@echo "make test    run the whole test suite"
	@echo "make check   lint, formatting, types and import rules"
	@echo "make bench   measure time and memory"

demo: .venv/installed
	@$(BIN)/better demo

serve: .venv/installed
	@$(BIN)/better serve

test: .venv/installed-dev
	$(BIN)/pytest

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_import_rules.py

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

# A stamp is as new as the last installation that ended well.
.venv/installed: requirements.txt pyproject.toml setup.py $(wildcard */native/*)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --no-deps --retries 1 --timeout 15 --extra-index-url $(TORCH_INDEX) '$(TORCH)'
	$(BIN)/pip install -r requirements.txt
	$(BIN)/pip install --no-deps -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install -e '.[dev]'
	touch $@
