# Every target sets up what it needs in .venv by itself; a second call finds it there.

VENV   := .venv
BIN    := $(VENV)/bin
NEWEST := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c '$(NEWEST)' 2>/dev/null && echo $(p))))
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
BENCHES := import_time install_size speed steps compilers frame codes coder tokens matrix exact vault glow int8 isolation onnx_nodes chains threads
SETUP  := pyproject.toml constraints.txt | $(VENV)/.made

.PHONY: help demo test lint bench docs lock clean

help:  ## show this list
	@sed -n 's/^\([a-z%-]*\):.*## /  make \1\t/p' Makefile

demo: $(VENV)/.demo  ## hide a sentence in a painted picture, read it with other compilers
	$(BIN)/python -m latebra.demo

test: $(VENV)/.dev  ## run every test, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev  ## check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: $(BENCHES:%=bench-%)  ## run every benchmark that needs neither torch nor painted archives

bench-%: $(VENV)/.bench  ## run one of them, as in bench-speed
	$(BIN)/python -m benchmarks.$*

docs: $(VENV)/.docs  ## build the site in site/
	$(BIN)/mkdocs build --strict --quiet

lock: $(VENV)/.bench $(VENV)/.docs  ## write the versions that are installed to constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt

clean:  ## remove what make made
	rm -rf $(VENV) site demo

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(SETUP)
	$(PIP) -e '.[ngraph,reference]'
	@touch $@

$(VENV)/.dev: $(SETUP)
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(SETUP)
	$(PIP) -e '.[bench]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

$(VENV)/.docs: $(SETUP)
	$(PIP) -e '.[docs]'
	@touch $@
