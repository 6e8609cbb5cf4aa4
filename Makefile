# Everything a person runs; each target works on a clean machine with python3 (3.11 or newer) and make.

PYTHON ?= python3
VENV   := .venv
UV     := $(VENV)/bin/uv
RUN    := $(VENV)/bin/
MUSIC  ?=
export MUSIC

.PHONY: run setup setup-system test test-deep lint docs corpus bench clean

run: $(VENV)/.installed
	$(RUN)tutti serve $${MUSIC:+--music "$$MUSIC"}

setup: $(VENV)/.complete

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tutti needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python has no venv here: install the package python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip --quiet --disable-pip-version-check install 'uv>=0.13'

$(VENV)/.installed: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --compile-bytecode --no-default-groups --inexact
	@touch $@

$(VENV)/.complete: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --compile-bytecode
	@touch $@ $(VENV)/.installed

# Programs that tests and benches use for real; Debian, as root.
setup-system:
	scripts/setup-system

test: setup
	scripts/test

test-deep: setup
	TUTTI_TEST_DEEP=1 scripts/test

corpus: setup
	$(RUN)python tests/support/fetch_media.py --all

bench: setup
	$(RUN)python -m bench

lint: setup
	scripts/lint

docs: setup
	scripts/docs

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
