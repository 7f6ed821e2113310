# Three commands to know: make serve, make test, make check.
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin

.PHONY: rolling serve test coverage check format lowest lock bench samples figures soak soak-cut fuzz audit load reliability compose-test vendor page-picture clean fleet

serve: .venv/installed
	@$(BIN)/easel serve --port $(PORT)

# One after the other. N=2 shares the files among two processes: quicker on four cores
# or more. One thread each: two that wait for each other are slow on a busy machine.
N ?= 0
test: .venv/installed
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(N) --dist loadfile --no-loadscope-reorder

# How much of core/ is run, by branch, by all tests but those that break and cut things.
coverage: .venv/installed
	@$(BIN)/coverage erase
	@COVERAGE_FILE=$(CURDIR)/.coverage OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -q $(addprefix tests/,core worker cli contract api)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --skip-covered --show-missing --fail-under=95

# make check also runs the fast tests of the structure of the code and of the docs: those named here
# and every file named test_structure.py.
STRUCTURE = tests/test_architecture.py tests/test_docs.py tests/test_supply.py $(shell find tests -name test_structure.py)
check: .venv/installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q $(STRUCTURE)

format: .venv/installed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Everything goes into .venv, from lock files with hashes. uv installs the few
# gigabytes of torch in seconds; it is itself installed by hash.
.venv/installed: pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@echo "Installing Easel into .venv (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Easel needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# The quick tests with the lowest versions that pyproject.toml allows, in an environment of their
# own. The first run downloads gigabytes.
QUICK := tests/core tests/api tests/worker tests/cli
lowest: .venv-lowest/installed
	@OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -q $(QUICK)

.venv-lowest/installed: pyproject.toml .venv/installed
	@echo "Installing the lowest versions into .venv-lowest ..."
	@$(BIN)/uv venv --quiet --clear --python 3.11 .venv-lowest
	@$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	@touch $@

# Write the lock files anew from pyproject.toml. They name no index host.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: .venv/installed
	@echo "uv" | $(LOCK) - -o requirements/bootstrap.txt
	@echo "hatchling" | $(LOCK) - -o requirements/build.txt
	@$(LOCK) pyproject.toml --extra api -o requirements/api.txt
	@$(LOCK) pyproject.toml --extra worker -o requirements/worker.txt
	@$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt

# Easel against the loop everyone writes: minutes at 256, a quarter of an hour at 512.
SIZES ?= 256 512
bench: .venv/installed
	@for size in $(SIZES); do $(BIN)/python -m bench.speed --size $$size || exit 1; done

# The pictures of docs/, made anew.
figures: .venv/installed
	@$(BIN)/python -m docs.figures
# 200 jobs, while every part is killed ten times; make soak SEED=2 picks other moments.
SEED ?= 1
soak: .venv/installed
	@$(BIN)/python -m bench.service.soak --seed $(SEED) --jobs 200

# The same, with each worker on a host of its own, one of which is cut off for a
# minute. Needs root, and iproute2.
soak-cut: .venv/installed
	@$(BIN)/python -m bench.service.soak --seed $(SEED) --jobs 200 --cut 60

# Everything is restarted in turn while jobs are posted; with OLD=folder, an upgrade.
rolling: .venv/installed
	@$(BIN)/python -m bench.service.rolling $(if $(OLD),--old $(OLD) --back)

# Break things, measure, and write the page of it.
reliability: .venv/installed
	@rm -f .faults
	@FAULT_REPORT=.faults $(BIN)/python -m pytest tests/faults
	@$(BIN)/python -m tests.faults.report .faults docs/soaks.jsonl > docs/reliability.md

# 20,000 damaged pictures; make fuzz SEED=2 damages them in other ways.
fuzz: .venv/installed
	@$(BIN)/python -m tests.corpus.fuzz --files 20000 --seed $(SEED)

# Known vulnerabilities in what is locked. Asks a service on the internet.
audit: .venv/installed
	@$(BIN)/python -m pip_audit --strict --require-hashes --disable-pip --requirement requirements/dev.txt

# 100 clients that post, poll and hang up at random, for two minutes.
load: .venv/installed
	@$(BIN)/python -m bench.service.load --seed $(SEED) --seconds 120

# Both images, built and run by Compose, and mistreated: needs a Docker engine and 12 GB.
# The log goes into docs/docker.md.
compose-test: .venv/installed
	@$(BIN)/python -m tools.compose_test

# Workers that sleep instead of optimising: what Redis, api and queue can take, and docs/scale.md from it.
fleet: .venv/installed
	@$(BIN)/python -m bench.fleet
	@$(BIN)/python -m bench.fleet.page

samples: .venv/installed
	@$(BIN)/python -m samples.draw
	@$(BIN)/python -m samples.small

# The README's picture of the page; needs chromium.
page-picture: .venv/installed
	@$(BIN)/python -m tests.page.picture

# The page's libraries, from the npm registry; needs npm.
vendor: .venv/installed
	@$(BIN)/python -m tools.vendor

clean:
	rm -rf .venv .venv-lowest
