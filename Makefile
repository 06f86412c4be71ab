# `make run` and `make test` each do all the set-up they need, alone, on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The pinned build first: with it in place nothing else asks for a larger one.
TORCH := torch==2.13.0
XGRAMMAR := xgrammar==0.2.8 apache-tvm-ffi
# Two workers, each with one thread: they share the work as they get done, so that no long file runs alone at the end.
WORKERS ?= 2
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
# Its sources carry the JSON-Schema-Test-Suite of every draft, which the tests read there.
SUITE := jsonschema==4.26.0

.PHONY: run test lint types quick bench bench-gpu fuzz clean

run: $(VENV)/.installed
	$(BIN)/ctrldiff run --schema examples/invoice.schema.json --show - < examples/invoice.txt

test: $(VENV)/.installed-test lint types
	$(PYTEST)

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

quick: $(VENV)/.installed-test
	$(PYTEST) -m "not slow"

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks

# On a machine with a CUDA device: the torch that is installed first is the build for one.
bench-gpu: $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks.gpu_step --out bench-gpu.json

# Random schemas and patterns against other judges, as long as you like: make fuzz MINUTES=10 SEED=1000
MINUTES ?= 1
SEED ?= 0
fuzz: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --minutes $(MINUTES) --seed $(SEED)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ctrldiff needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) with the test extras (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@# An oracle of the schema tests. Its declared dependencies would bring a GPU compiler that nothing here calls.
	@$(BIN)/python -m pip install --quiet --no-deps $(XGRAMMAR) || echo "no $(XGRAMMAR) here: its tests are skipped"
	@mkdir -p $(VENV)/share && $(BIN)/python -m pip download --quiet --no-deps --no-binary :all: --dest $(VENV)/share "$(SUITE)" && \
	  tar -xzf $(VENV)/share/jsonschema-*.tar.gz -C $(VENV)/share --strip-components=1 --wildcards '*/json/tests' '*/json/remotes' || \
	  echo "no sources of $(SUITE) here: the tests of the older drafts are skipped"
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist *.egg-info
