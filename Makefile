PYTHON ?= python3
# PyPI's torch for Linux brings several GB of CUDA along; this index has the one for CPUs.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# The gateway's port of `make serve`; the services have the three after it.
PORT_BASE ?= 8000

BIN := .venv/bin
FUZZED := tests/system/test_fuzz.py tests/shared/http/test_hostile_bytes.py tests/shared/audio/test_decoding.py tests/shared/http/test_tensors.py \
	tests/shared/text/test_sentences.py tests/shared/text/test_markup.py tests/shared/checkpoints/test_manifest.py \
	tests/synthesizer_service/text/test_symbols.py tests/synthesizer_service/text/test_spans.py
TORCH := $(shell grep '^torch==' requirements-torch.txt)
LOCK := $(BIN)/uv pip compile --quiet --universal --no-annotate --custom-compile-command 'make lock'

.PHONY: help demo serve test fuzz check bench lock test-gateway test-others

help:
	@echo "make demo    start the three services, clone a voice, write demo/speech.wav"
	@echo "make serve   run the gateway and the services on this machine until Ctrl-C"
	@echo "make test    run the whole test suite"
	@echo "make fuzz    send every app and reader far more rubbish than make test does"
	@echo "make check   lint, formatting, types and import rules"
	@echo "make bench   measure time and memory"
	@echo "make lock    write the requirements files anew from pyproject.toml"

demo: .venv/installed
	@$(BIN)/better demo

serve: .venv/installed
	@$(BIN)/better serve --port-base $(PORT_BASE)

# The gateway's tests take as long as all others, and both wait for processes much of the time.
test: .venv/installed-dev
	@$(MAKE) --no-print-directory -j2 test-gateway test-others

test-gateway: .venv/installed-dev
	$(BIN)/pytest tests/gateway_service

test-others: .venv/installed-dev
	$(BIN)/pytest --ignore=tests/gateway_service

# Minutes; FUZZ_EXAMPLES sets how many, and FUZZ_FILES of hostile sound files, which take half an hour.
# What it finds, it prints with the seed and a curl command.
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

# A stamp is as new as the last installation that ended well.
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
