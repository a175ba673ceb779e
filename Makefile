# Everything a contributor runs. Needs make and any Python >= 3.11; each target sets up what it needs, once.
#
#   make demo     check a notebook that holds a wrong gradient, and show the verdicts
#   make test     all tests, with the examples in the docstrings, on all cores
#   make check    formatter, linter, strict types, order of imports, documentation
#   make coverage the tests again, with the lines they never reach
#   make autograd-suite  autograd's own tests on chainrule: AUTOGRAD=directory of its source, else it is downloaded
#   make oracle   every sample of PyTorch's database that NumPy has a function for, beside PyTorch (some minutes)
#   make bench    times beside PyTorch and autograd (its own environment, of some gigabytes), then bench-native
#   make bench-native       machine code beside C by hand, JAX, CasADi, …, with a report and plots (half an hour)
#   make bench-structured   Jacobians and Hessians beside the limit by hand, JAX, asdex, CasADi, … (half an hour)
#   make bench-growth       their cost as the work grows, with plots
#   make clean    remove all that the above made
#
# PYTHON=/path/to/python chooses the interpreter. On Linux, TORCH_INDEX=https://download.pytorch.org/whl/cpu makes
# `make bench` fetch the small PyTorch that knows no GPU.

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test check coverage autograd-suite bench bench-native bench-structured bench-growth clean

PYTHON ?=
VENV ?= .venv
BENCH_VENV ?= .venv-bench
TORCH_INDEX ?=
AUTOGRAD ?=
DEMO ?= examples/linear_layer.md
ONLY ?=
PASSES ?= 2

BIN = $(VENV)/bin
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check

help:
	@sed -n '3,14s/^#   //p' Makefile

# -- what users and contributors run ----------------------------------------------------------------------------------

# Status 1 means that the check found a mistake, which is what this notebook is for; 0 would mean that it missed it.
demo: $(VENV)/.installed
	@echo "$$ chainrule check $(DEMO)"; \
	$(BIN)/chainrule check $(DEMO); status=$$?; \
	case $$status in \
	1) echo; echo "The notebook holds a gradient that is wrong, and the check found it (exit status 1).";; \
	0) echo "demo: the notebook holds a wrong gradient, but the check found nothing" >&2; exit 1;; \
	*) echo "demo: the check could not run (exit status $$status)" >&2; exit $$status;; \
	esac

# One process for each core, and one thread of BLAS in each: more of them would only wait for each other.
test: $(VENV)/.test
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

check: $(VENV)/.dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy --strict src tests
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_house.py tests/test_public_names.py tests/test_docs.py

coverage: $(VENV)/.test
	@$(BIN)/python -m pytest -q --cov --cov-report=term-missing

autograd-suite: $(VENV)/.test
	@CHAINRULE_AUTOGRAD='$(AUTOGRAD)' $(BIN)/python -m pytest -q -s tests/oracle/test_suite_of_autograd.py

# ONLY=linalg chooses entries by a part of their name.
oracle: $(VENV)/.oracle
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto tests/oracle/opinfo -k '$(ONLY)'

bench: $(BENCH_VENV)/.bench
	@$(BENCH_VENV)/bin/python benchmarks/eager.py
	@$(BENCH_VENV)/bin/python benchmarks/structure.py
	@$(MAKE) --no-print-directory bench-native

bench-native: $(BENCH_VENV)/.bench
	@$(BENCH_VENV)/bin/python -m benchmarks.native --only '$(ONLY)' --passes $(PASSES)

# ONLY=rosenbrock,bundle chooses rows, PASSES=3 measures thrice and keeps the smallest of the medians.
bench-structured: $(BENCH_VENV)/.bench
	@$(BENCH_VENV)/bin/python -m benchmarks.structured --only '$(ONLY)' --passes $(PASSES)

bench-growth: $(BENCH_VENV)/.bench
	@$(BENCH_VENV)/bin/python -m benchmarks.structured --growth --only '$(ONLY)'

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# -- environments: one stamp file for each thing that is installed ----------------------------------------------------

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "installing chainrule into $(VENV)"
	@$(BIN)/python $(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	@echo "installing chainrule and what its tests need into $(VENV)"
	@$(BIN)/python $(PIP_INSTALL) -e '.[test]'
	@touch $(VENV)/.installed $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	@echo "installing chainrule and what its contributors need into $(VENV)"
	@$(BIN)/python $(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/.installed $(VENV)/.test $@

$(VENV)/.oracle: $(VENV)/bin/python pyproject.toml
	@echo "installing chainrule and PyTorch with what its database of operations needs into $(VENV)"
	@index=; test -z '$(TORCH_INDEX)' || index='--extra-index-url $(TORCH_INDEX)'; \
	$(BIN)/python $(PIP_INSTALL) $$index -e '.[test,opinfo]'
	@touch $(VENV)/.installed $(VENV)/.test $@

# A peer that cannot be installed is left out, and the benchmark says so.
$(BENCH_VENV)/.bench: $(BENCH_VENV)/bin/python pyproject.toml
	@echo "installing chainrule and the libraries it is compared with into $(BENCH_VENV)"
	@index=; test -z '$(TORCH_INDEX)' || index='--extra-index-url $(TORCH_INDEX)'; \
	$(BENCH_VENV)/bin/python $(PIP_INSTALL) $$index -e '.[bench,plot]' || { \
	$(BENCH_VENV)/bin/python $(PIP_INSTALL) -e . && \
	$(BENCH_VENV)/bin/python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; print(*extras["bench"], *extras["plot"], sep="\n")' | \
	while read -r peer; do \
	$(BENCH_VENV)/bin/python $(PIP_INSTALL) $$index "$$peer" || echo "going on without $$peer" >&2; \
	done; }
	@touch $@

# The first interpreter that is new enough and can make an environment. pyenv and the like put commands on the PATH
# that only complain, so each candidate is tried, not looked for.
$(VENV)/bin/python $(BENCH_VENV)/bin/python:
	@environment=$(@D); environment=$${environment%/bin}; found=; bare=; \
	for candidate in $(if $(PYTHON),'$(PYTHON)',python3.13 python3.12 python3.11 python3.14 python3 python); do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	"$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1 || { bare="$$bare $$candidate"; continue; }; \
	found=$$candidate; break; \
	done; \
	if test -z "$$found" && test -n "$$bare"; then \
	echo "chainrule:$$bare can run this, but cannot make an environment: venv or ensurepip is missing." >&2; \
	echo "On Debian and Ubuntu: sudo apt install python3-venv. Elsewhere, a Python from python.org or uv has both." >&2; \
	exit 1; \
	elif test -z "$$found"; then \
	echo "chainrule needs Python 3.11 or later, and found $(if $(PYTHON),that '$(PYTHON)' is not,none on the PATH)." >&2; \
	echo "Install one (python.org, uv, pyenv), or name it: make PYTHON=/path/to/python3" >&2; \
	exit 1; \
	fi; \
	echo "making $$environment with $$("$$found" --version)"; \
	rm -rf "$$environment"; \
	"$$found" -m venv "$$environment" || { \
	rm -rf "$$environment"; \
	echo "chainrule: $$found could not make an environment; see its message above." >&2; \
	exit 1; }
