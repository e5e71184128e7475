# Two commands are enough: `make demo` and `make test`. Each sets up its own virtual environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out

# Modules are kept compiled, whatever the shell says: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test thorough check lint types fresh docs studio bench lock sbom wheel newcomer clean

help:
	@echo "make demo    compose, check and try a supermarket bundle on a virtual day; writes $(OUT)/demo.html"
	@echo "make test    set up and run the tests (make thorough: the long ones too)"
	@echo "make check   lint, types, generated files, documentation, tests (what CI runs)"
	@echo "make docs    the documentation site, zh and en: $(OUT)/docs/index.html"
	@echo "make studio  open the studio in a browser"
	@echo "make bench   measure against the stated limits"
	@echo "make wheel   a wheel and a source archive in dist/ (make lock: the versions anew; make sbom: bills of materials)"
	@echo "make newcomer  follow the README in a fresh clone"

# A stamp for each set of extras, so that a second call installs nothing. All get the versions of the lock; where it has none that fits this
# machine (a newer Python, another processor) those that pyproject.toml allows.
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check
LOCKED = --require-hashes --only-binary :all: --no-binary jieba,wsdiscovery# these two come as source alone, in pure Python
$(VENV)/.demo: pyproject.toml setup.py requirements/studio.txt | $(BIN)/python
	$(INSTALL) $(LOCKED) -r requirements/studio.txt && $(INSTALL) --no-deps -e . || $(INSTALL) -e ".[demo]"
	@touch $@

$(VENV)/.dev: pyproject.toml setup.py requirements/dev.txt | $(BIN)/python
	$(INSTALL) $(LOCKED) -r requirements/dev.txt && $(INSTALL) --no-deps -e . || $(INSTALL) -e ".[dev]"
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
PYTEST = $(BIN)/python -m pytest -n $$($(BIN)/python -c "import os; print(1 + (os.cpu_count() or 1))") --dist loadfile --no-loadscope-reorder
test: $(VENV)/.dev
	$(PYTEST) -m "not thorough"

# All of it: every way over both databases, through Ray and the browser, in both languages. Before a release.
thorough: $(VENV)/.dev
	STORELOOM_BOTH_LANGUAGES=1 $(PYTEST)

check: lint types fresh docs test

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

# The site from what is installed and docs/, in both languages at once; needs no network. A dead link or any other warning ends it.
docs: $(VENV)/.dev
	@rm -rf $(OUT)/pages $(OUT)/docs
	$(BIN)/storeloom docs $(OUT)/pages
	@for lang in en zh; do \
		STORELOOM_LANG=$$lang $(BIN)/python -m sphinx -W --keep-going -n -q -c docs/site -d $(OUT)/pages/.$$lang $(OUT)/pages/$$lang $(OUT)/docs/$$lang \
			& pids="$$pids $$!"; \
	done; for pid in $$pids; do wait $$pid || failed=1; done; test -z "$$failed"
	@cp docs/site/index.html $(OUT)/docs/
	@echo "Open $(OUT)/docs/index.html"

studio: $(VENV)/.demo
	$(BIN)/streamlit run studio/serve.py

bench: $(VENV)/.dev
	$(BIN)/storeloom bench all --json

# The locks, one version of each package in all of them. They change where pyproject.toml asks for it; LOCK_ANEW=--upgrade brings all up.
LOCK_ANEW :=
LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url --annotation-style line \
	--custom-compile-command "make lock" $(LOCK_ANEW) pyproject.toml
lock: $(VENV)/.dev
	$(LOCK) --extra dev -o requirements/dev.txt
	$(LOCK) --extra store --extra agent -c requirements/dev.txt -o requirements/store.txt
	$(LOCK) --extra demo -c requirements/dev.txt -o requirements/studio.txt
	$(LOCK) --extra server --extra postgres -c requirements/dev.txt -o requirements/server.txt
	$(BIN)/python -m tests.packaging.licences

sbom: $(VENV)/.dev
	$(BIN)/python -m tests.packaging.sbom $(OUT)

# A wheel and a source archive in dist/, built twice: the bytes must be the same; then tried in a bare environment.
wheel: $(VENV)/.dev
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(BIN)/python -m tests.packaging.wheels dist

# The README as somebody new follows it: a fresh clone, a clean HOME, every command.
newcomer:
	$(PYTHON) -m tests.packaging.newcomer

clean:
	rm -rf $(VENV) .types $(OUT) build dist *.egg-info
