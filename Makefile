# Needs Python (3.9 or newer), make and a package registry; everything else goes into .venv.

PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN = $(VENV)/Scripts
else
BIN = $(VENV)/bin
endif
READY = $(VENV)/.ready
TABLES = grammars/tables.bin

.PHONY: demo demo-html test test-browser lint bench soak bless zipapp man dist clean

# Annotates the tutorial's first trace.
demo: $(TABLES)
	$(BIN)/hexnote samples/server-auth.txt

# The same trace as a walkthrough.
demo-html: $(TABLES)
	$(BIN)/hexnote -o demo.html samples/server-auth.txt
	@echo "demo.html"

test: $(TABLES)
	$(BIN)/python -m pytest

# Walkthroughs in Chromium, and before markdownlint; says so where there is no Chromium, node or npm.
test-browser: $(TABLES)
	tests/browser/run.sh $(abspath $(BIN))/python

lint: $(READY)
	$(BIN)/python -m ruff check
	$(BIN)/python -m mypy --strict hexnote

# Makes its inputs in bench/data (2 GB), prints the tables and writes bench/RESULTS.md: half an hour, see bench/run.py for parts of it.
bench: $(TABLES)
	$(BIN)/python bench/run.py

# Hostile shapes at a hundredth of the size that people fear, 2 GB of them through a pipe: time and memory at 1x, 2x, 4x.
# All of it takes some minutes; for full size, python bench/soak.py, some hours.
soak: $(TABLES)
	$(BIN)/python bench/soak.py --part 100

# One file that runs with any Python from 3.9 on and needs nothing else. Compiled for this Python too: it starts faster with it.
zipapp: $(TABLES)
	rm -rf build/pyz && mkdir -p dist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --target build/pyz .
	rm -rf build/pyz/*.dist-info build/pyz/bin build/pyz/share build/pyz/lark/__pyinstaller build/pyz/colorama/tests
	printf 'from hexnote.__main__ import command\n\ncommand()\n' > build/pyz/__main__.py
	$(BIN)/python -m compileall -q -b --invalidation-mode unchecked-hash build/pyz
	$(BIN)/python -m zipapp build/pyz -o dist/hexnote.pyz -p '/usr/bin/env python3'
	@ls -l dist/hexnote.pyz

# Manual page and completions, below build/pages/share.
man: $(READY)
	$(BIN)/python -m hexnote.manual build/pages

# Source archive and wheel, looked over by twine.
dist: $(TABLES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	rm -f dist/*.whl dist/*.tar.gz
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz

# Writes the transcripts samples/*.golden anew: read the difference before you commit it.
bless: $(TABLES)
	$(BIN)/python -m pytest tests/test_transcripts.py --bless

clean:
	rm -rf $(VENV) $(TABLES) demo.html tests/browser/node_modules build dist bench/data .hypothesis .pytest_cache .mypy_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# editable_mode=compat: a plain path, where the default would slow every start of Python.
$(READY): setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' --config-settings editable_mode=compat
	touch $@

# What takes long to make of the grammars, made once: see hexnote/tables.py. Where it is missing or old, starting takes longer.
$(TABLES): $(READY) $(wildcard grammars/*.lark grammars/*/* grammars/*/*/*) hexnote/language.py hexnote/vocabulary.py \
		$(wildcard hexnote/schema_*.py)
	$(BIN)/python -m hexnote.tables
