# Two commands are enough: `make demo` and `make test`. Each sets up its own virtual environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types fresh studio bench clean

help:
	@echo "make demo    compose, check and try a supermarket bundle on a virtual day; writes $(OUT)/demo.html"
	@echo "make test    set up and run the tests"
	@echo "make check   lint, types, generated files, tests (what CI runs)"
	@echo "make studio  open the studio in a browser"
	@echo "make bench   measure against the stated limits"

# A stamp for each set of extras, so that a second call installs nothing.
$(VENV)/.demo: setup.py | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[demo]"
	@touch $@

$(VENV)/.dev: setup.py | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.demo

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is needed: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The venv module is missing: sudo apt-get install python3-venv"; exit 1; }

demo: $(VENV)/.demo
	@mkdir -p $(OUT)
	$(BIN)/storeloom check examples/supermarket/bundle.toml
	$(BIN)/storeloom try examples/supermarket/bundle.toml --history 14 --report $(OUT)/demo.html
	@echo "Open $(OUT)/demo.html for the plots. The studio: make studio"

# One worker more than there are processors: many tests wait for devices, servers and browsers. Long modules are spread between the others (tests/conftest.py).
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $$($(BIN)/python -c "import os; print(1 + (os.cpu_count() or 1))") --dist loadfile --no-loadscope-reorder

check: lint types fresh test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy sees the folders under the import name through links.
types: $(VENV)/.dev
	@mkdir -p .types/storeloom
	@for part in core plugins schemas studio workers hardware_adapters; do ln -sfn ../../$$part .types/storeloom/$$part; done
	$(BIN)/mypy -p storeloom.core -p storeloom.workers -p storeloom.hardware_adapters -p storeloom.studio

fresh: $(VENV)/.dev
	$(BIN)/storeloom index --check

studio: $(VENV)/.demo
	$(BIN)/streamlit run studio/serve.py

bench: $(VENV)/.dev
	$(BIN)/storeloom bench all --json

clean:
	rm -rf $(VENV) .types $(OUT) build dist *.egg-info
