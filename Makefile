# The three main commands: make serve, make test, make check.
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin

.PHONY: rolling serve test coverage check format lowest lock bench samples figures quality soak soak-cut fuzz audit load reliability compose-test vendor page-picture clean fleet

serve: .venv/installed
	@$(BIN)/easel serve --port $(PORT)

# Runs one test file after the other. N=2 runs them in two processes, which is faster with four
# cores or more. Torch uses one thread: several threads are slow on a busy machine.
N ?= 0
test: .venv/installed
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(N) --dist loadfile --no-loadscope-reorder

# Branch coverage of core/ by all tests except the fault tests.
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

# Installs everything into .venv, from lock files with hashes. uv, itself installed by hash,
# installs the few gigabytes of torch in seconds.
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

.venv-lowest/installed: pyproject.toml | .venv/installed
	@echo "Installing the lowest versions into .venv-lowest ..."
	@$(BIN)/uv venv --quiet --clear --python 3.11 .venv-lowest
	@$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	@touch $@

# Writes the lock files from pyproject.toml. They name no index host.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: .venv/installed
	@echo "uv" | $(LOCK) - -o requirements/bootstrap.txt
	@echo "hatchling" | $(LOCK) - -o requirements/build.txt
	@$(LOCK) pyproject.toml --extra api -o requirements/api.txt
	@$(LOCK) pyproject.toml --extra worker -o requirements/worker.txt
	@$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt

# Compares Easel with the usual loop: minutes at 256, a quarter of an hour at 512.
SIZES ?= 256 512
bench: .venv/installed
	@for size in $(SIZES); do $(BIN)/python -m bench.speed --size $$size || exit 1; done

# Makes the pictures of docs/.
figures: .venv/installed
	@$(BIN)/python -m docs.figures

# Writes docs/quality.md. RECORDS=folder takes new records and pictures of bench.look.
quality: .venv/installed
	@$(BIN)/python -m docs.quality $(RECORDS)

# Runs 200 jobs while every part is killed ten times. SEED=2 picks other moments.
SEED ?= 1
soak: .venv/installed
	@$(BIN)/python -m bench.service.soak --seed $(SEED) --jobs 200

# The same with each worker on its own host, one of which is cut off for a minute. Requires
# root and iproute2.
soak-cut: .venv/installed
	@$(BIN)/python -m bench.service.soak --seed $(SEED) --jobs 200 --cut 60

# Restarts all parts in turn while jobs are created. OLD=folder upgrades from the code there.
rolling: .venv/installed
	@$(BIN)/python -m bench.service.rolling $(if $(OLD),--old $(OLD) --back)

# Runs the fault tests, and writes docs/reliability.md from their measurements.
reliability: .venv/installed
	@rm -f .faults
	@FAULT_REPORT=.faults $(BIN)/python -m pytest tests/faults
	@$(BIN)/python -m tests.faults.report .faults docs/soaks.jsonl > docs/reliability.md

# Decodes 20,000 damaged pictures. SEED=2 damages them in other ways.
fuzz: .venv/installed
	@$(BIN)/python -m tests.corpus.fuzz --files 20000 --seed $(SEED)

# Checks the locked packages for known vulnerabilities, with a service on the internet.
audit: .venv/installed
	@$(BIN)/python -m pip_audit --strict --require-hashes --disable-pip --requirement requirements/dev.txt

# Runs 100 clients that create jobs, poll and disconnect at random, for two minutes.
load: .venv/installed
	@$(BIN)/python -m bench.service.load --seed $(SEED) --seconds 120

# Builds both images, runs them with Compose, and kills containers. Requires a Docker engine
# and 12 GB. Put the log into docs/docker.md.
compose-test: .venv/installed
	@$(BIN)/python -m tools.compose_test

# Measures Redis, API and queue with workers that sleep instead of optimising, and writes
# docs/scale.md.
fleet: .venv/installed
	@$(BIN)/python -m bench.fleet
	@$(BIN)/python -m bench.fleet.page

samples: .venv/installed
	@$(BIN)/python -m samples.draw
	@$(BIN)/python -m samples.small

# Makes the README's picture of the page. Requires chromium.
page-picture: .venv/installed
	@$(BIN)/python -m tests.page.picture

# Downloads the page's libraries from the npm registry. Requires npm.
vendor: .venv/installed
	@$(BIN)/python -m tools.vendor

clean:
	rm -rf .venv .venv-lowest
