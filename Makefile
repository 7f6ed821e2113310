# The three main commands: make serve, make test, make check.
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin
# Without an NVIDIA GPU, torch is installed without the CUDA libraries.
GPU := $(wildcard /dev/nvidia[0-9]* /proc/driver/nvidia/version /usr/lib/wsl/lib/libcuda.so.1)
DEVICE ?= $(if $(GPU),cuda,cpu)
SERVICE := .venv/serve-$(DEVICE)
TOOLS := .venv/dev-$(DEVICE)

.PHONY: docs release-check rolling serve test coverage check format lowest lock bench samples figures quality soak soak-cut pairs edits hang fuzz audit load reliability compose-test vendor page-picture clean fleet gpu-check

serve: $(SERVICE)
	@$(BIN)/easel serve --port $(PORT)

# Runs two test files at a time: most tests of the service wait half of the time. N=0 runs one file
# after the other. Torch uses one thread: several threads are slow on a busy machine.
N ?= 2
test: $(TOOLS)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(N) --dist loadfile --no-loadscope-reorder

# Branch coverage of core/ by all tests except the fault tests.
coverage: $(TOOLS)
	@$(BIN)/coverage erase
	@COVERAGE_FILE=$(CURDIR)/.coverage OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -q $(addprefix tests/,core worker cli contract api)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --skip-covered --show-missing --fail-under=95

# make check also runs the fast tests of the structure of the code and of the docs: those named here
# and every file named test_structure.py.
STRUCTURE = tests/test_architecture.py tests/test_docs.py tests/test_supply.py $(shell find tests -name test_structure.py)
check: $(TOOLS)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q $(STRUCTURE)

format: $(TOOLS)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# tools/install.py installs only what is needed, from lock files with hashes.
$(SERVICE): pyproject.toml requirements/bootstrap.txt requirements/local.txt $(BIN)/python
	@$(PYTHON) -m tools.install serve $(DEVICE)

$(TOOLS): pyproject.toml requirements/bootstrap.txt requirements/dev.txt $(BIN)/python
	@$(PYTHON) -m tools.install dev $(DEVICE)

# Missing at first, and after the Python that made the environment was removed.
$(BIN)/python: ;

# The quick tests with the lowest versions that pyproject.toml allows, in an environment of their
# own. The first run downloads gigabytes.
QUICK := tests/core tests/api tests/worker tests/cli
lowest: .venv-lowest/installed
	@OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -q $(QUICK)

.venv-lowest/installed: pyproject.toml | $(TOOLS)
	@echo "Installing the lowest versions into .venv-lowest ..."
	@$(BIN)/uv venv --quiet --clear --python 3.11 .venv-lowest
	@$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	@touch $@

# Writes the lock files from pyproject.toml. They name no index host.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(TOOLS)
	@echo "uv" | $(LOCK) - -o requirements/bootstrap.txt
	@echo "hatchling" | $(LOCK) - -o requirements/build.txt
	@$(LOCK) pyproject.toml --extra api -o requirements/api.txt
	@$(LOCK) pyproject.toml --extra worker -o requirements/worker.txt
	@$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt
	@$(LOCK) pyproject.toml --extra local --constraints requirements/dev.txt -o requirements/local.txt

# Compares Easel with the usual loop: minutes at 256, a quarter of an hour at 512.
SIZES ?= 256 512
bench: $(TOOLS)
	@for size in $(SIZES); do $(BIN)/python -m bench.speed --size $$size || exit 1; done

# Builds the site of the documentation into build/site.
docs: $(TOOLS)
	@$(BIN)/python -m sphinx -q -W --keep-going -c docs -d build/doctrees . build/site
	@echo "Open build/site/docs/index.html"

# Makes the pictures of docs/.
figures: $(TOOLS)
	@$(BIN)/python -m docs.figures

# Writes docs/quality.md. RECORDS=folder takes new records and pictures of bench.look.
quality: $(TOOLS)
	@$(BIN)/python -m docs.quality $(RECORDS)

# Runs 200 jobs while every part is killed ten times. SEED=2 picks other moments.
SEED ?= 1
soak: $(TOOLS)
	@$(BIN)/python -m bench.service.soak --seed $(SEED) --jobs 200

# The same with each worker on its own host, one of which is cut off for a minute. Requires
# root and iproute2.
soak-cut: $(TOOLS)
	@$(BIN)/python -m bench.service.soak --seed $(SEED) --jobs 200 --cut 60

# Does two things at once to a service whose jobs run, 24 times.
pairs: $(TOOLS)
	@$(BIN)/python -m bench.service.pairs --seed $(SEED)

# Edits running jobs 200 times at random while workers die, and posts some again with their edits.
edits: $(TOOLS)
	@$(BIN)/python -m bench.service.edits --seed $(SEED)

# Freezes Valkey for five minutes while 200 clients poll.
hang: $(TOOLS)
	@$(BIN)/python -m bench.service.hang

# Restarts all parts in turn while jobs are created. OLD=folder upgrades from the code there.
rolling: $(TOOLS)
	@$(BIN)/python -m bench.service.rolling $(if $(OLD),--old $(OLD) --back)

# Runs the fault tests, and writes docs/reliability.md from their measurements.
reliability: $(TOOLS)
	@rm -f .faults
	@FAULT_REPORT=.faults $(BIN)/python -m pytest tests/faults
	@$(BIN)/python -m tests.faults.report .faults docs/soaks.jsonl > docs/reliability.md

# Decodes 20,000 damaged pictures. SEED=2 damages them in other ways.
fuzz: $(TOOLS)
	@$(BIN)/python -m tests.corpus.fuzz --files 20000 --seed $(SEED)

# Checks the locked packages for known vulnerabilities, with a service on the internet.
audit: $(TOOLS)
	@$(BIN)/python -m pip_audit --strict --require-hashes --disable-pip --requirement requirements/dev.txt

# Runs 100 clients that create jobs, poll and disconnect at random, for two minutes.
load: $(TOOLS)
	@$(BIN)/python -m bench.service.load --seed $(SEED) --seconds 120

# Builds both images, runs them with Compose, and kills containers. Requires a Docker engine
# and 12 GB. Put the log into docs/docker.md.
compose-test: $(TOOLS)
	@$(BIN)/python -m tools.compose_test

# Measures Redis, API and queue with workers that sleep instead of optimising, and writes
# docs/scale.md.
fleet: $(TOOLS)
	@$(BIN)/python -m bench.fleet
	@$(BIN)/python -m bench.fleet.page

# Measures Easel on the GPU of this machine within eight minutes, and writes docs/gpu.md.
gpu-check: $(TOOLS)
	@$(BIN)/python -m bench.gpu

# Tries a release as a stranger would: a fresh clone, both commands, the wheel, and the images.
release-check: $(TOOLS)
	@$(BIN)/python -m tools.release_check

samples: $(TOOLS)
	@$(BIN)/python -m samples.draw
	@$(BIN)/python -m samples.small
	@$(BIN)/python -m docs.page_figures

# Makes the README's picture of the page. Requires chromium.
page-picture: $(TOOLS)
	@$(BIN)/python -m tests.page.picture

# Downloads the page's libraries from the npm registry. Requires npm.
vendor: $(TOOLS)
	@$(BIN)/python -m tools.vendor

clean:
	rm -rf .venv .venv-lowest
