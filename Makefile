PYTHON ?= python3
# PyPI's build of torch for Linux includes several GB of CUDA; this index has the build for CPUs.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# The gateway's port of `make serve`; the services take the ports after it.
PORT_BASE ?= 8000

BIN := .venv/bin
# The core of coverage.py that measures `make test`; none if empty. sysmon is cheap, but needs Python 3.12.
# `make test COVERAGE=ctrace` measures on 3.11 too, where it doubles the time of tests that are all Python.
COVERAGE ?= $(shell $(PYTHON) -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "")')
PYTEST := $(if $(COVERAGE),COVERAGE_CORE=$(COVERAGE) )$(BIN)/pytest$(if $(COVERAGE), --cov --cov-report=)
FUZZED := tests/system/test_fuzz.py tests/shared/http/test_hostile_bytes.py tests/shared/audio/test_decoding.py tests/shared/http/test_tensors.py \
	tests/shared/text/test_sentences.py tests/shared/text/test_markup.py tests/shared/checkpoints/test_manifest.py \
	tests/synthesizer_service/text/test_symbols.py tests/synthesizer_service/text/test_spans.py
TORCH := $(shell grep '^torch==' requirements-torch.txt)
LOCK := $(BIN)/uv pip compile --quiet --universal --no-annotate --custom-compile-command 'make lock'

.PHONY: help demo serve test fuzz check bench lock release test-gateway test-others test-cluster

help:
	@echo "make demo    start the three services, clone a voice, write demo/speech.wav"
	@echo "make serve   run the gateway and the services on this machine until Ctrl-C"
	@echo "make test    run the whole test suite"
	@echo "make test-cluster  run the tests of a Ray cluster of two nodes, on this machine"
	@echo "make fuzz    send far more invalid input to every app and reader than make test does"
	@echo "make check   lint, formatting, types and the rules of the tree"
	@echo "make bench   measure time and memory"
	@echo "make lock    write the requirements files anew from pyproject.toml"
	@echo "make release VERSION=1.2.3   date the changelog, build the wheels, commit and tag; sends nothing"

demo: .venv/installed
	@$(BIN)/better demo

serve: .venv/installed
	@$(BIN)/better serve --port-base $(PORT_BASE)

# Two halves at a time: the gateway's tests take as long as all others, and both often wait for processes.
test: .venv/installed-dev
	@$(MAKE) --no-print-directory -j2 test-gateway test-others
ifneq ($(COVERAGE),)
	@$(BIN)/coverage combine --quiet
	@echo "Coverage: $$($(BIN)/coverage report --format=total) % of lines; $(BIN)/coverage report lists the files"
endif

test-gateway: .venv/installed-dev
	COVERAGE_FILE=.coverage.gateway $(PYTEST) tests/gateway_service

test-others: .venv/installed-dev
	COVERAGE_FILE=.coverage.others $(PYTEST) --ignore=tests/gateway_service

# Minutes. Not beside other tests, since replicas and nodes are killed under load.
test-cluster: .venv/installed-cluster
	$(BIN)/pytest -o faulthandler_timeout=0 -m cluster tests/deploy

# Minutes. FUZZ_EXAMPLES sets the number of inputs, FUZZ_FILES that of hostile sound files (half an hour).
# Failures are printed with the seed and a curl command.
fuzz: .venv/installed-dev
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} FUZZ_FILES=$${FUZZ_FILES:-20000} $(BIN)/pytest -o faulthandler_timeout=0 --hypothesis-profile=fuzz $(FUZZED)

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_import_rules.py

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

# Versions within the ranges of pyproject.toml. UPGRADE=--upgrade takes the newest ones.
lock: .venv/installed
	$(BIN)/pip install --quiet 'uv>=0.9,<1'
	$(LOCK) $(UPGRADE) --generate-hashes --no-emit-package torch pyproject.toml --output-file requirements.txt
	$(LOCK) $(UPGRADE) --constraint requirements.txt --group torch --output-file requirements-torch.txt
	$(LOCK) $(UPGRADE) --constraint requirements.txt --generate-hashes --no-emit-package torch --extra dev pyproject.toml \
		--output-file requirements-dev.txt
	$(LOCK) $(UPGRADE) --constraint requirements-dev.txt --generate-hashes --no-emit-package torch --extra cluster pyproject.toml \
		--output-file requirements-cluster.txt

release: .venv/installed-dev
	@$(BIN)/python -m deploy.release "$(VERSION)"

# Each stamp has the time of the last successful installation.
.venv/installed: requirements.txt requirements-torch.txt pyproject.toml setup.py $(wildcard */native/* */*/native/*)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --no-deps --retries 1 --timeout 15 --extra-index-url $(TORCH_INDEX) '$(TORCH)'
	$(BIN)/pip install -r requirements-torch.txt
	$(BIN)/pip install --require-hashes -r requirements.txt
	$(BIN)/pip install --no-deps -e .
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/pip install --require-hashes -r requirements-dev.txt
	touch $@

.venv/installed-cluster: .venv/installed-dev requirements-cluster.txt
	$(BIN)/pip install --require-hashes -r requirements-cluster.txt
	touch $@
