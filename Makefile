# Every target sets up what it needs; nothing has to be installed by hand first.
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
BIN := .venv/bin
# What the product needs, which takes seconds, and what developing it needs besides.
RUNS := .venv/.runs
READY := .venv/.ready
LOCKED := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
PRODUCT := requirements-runtime.lock requirements-valkey.lock requirements-build.lock

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Make .venv with every command in .venv/bin
$(RUNS): pyproject.toml $(PRODUCT)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is %d.%d. Set PYTHON=/path/to/python3" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(LOCKED) $(addprefix -r ,$(PRODUCT))
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# The Smart Response commands start for every alarm; compiling them each time would take longer than their work.
	@$(BIN)/python -m compileall -q producers workers
	@touch $(RUNS)

$(READY): $(RUNS) requirements.lock
	$(LOCKED) -r requirements.lock
	@touch $(READY)

demo: $(RUNS) ## The guide's payload through the whole system; stops everything afterwards
	@$(BIN)/python -m sandbox.launch.demo

up: $(RUNS) ## Start the system and leave it running until Ctrl-C
	@$(BIN)/python -m sandbox.launch.up

test: $(READY) ## Run the whole test suite against a real Redis and the sandbox
	$(BIN)/python -m pytest

fuzz: $(READY) ## Every reader on longer and hostile texts; takes minutes
	LONGEST_TEXT=1048576 FUZZED_ANSWERS=10000 FUZZED_TEXTS=3000 FUZZED_REQUESTS=300 \
		$(BIN)/python -m pytest tests/security tests/integration/http/test_schemathesis.py

bench: $(READY) ## Measure; BENCH="accept events" for some of it
	$(BIN)/python -m benchmarks.run $(BENCH)

bench-compare: $(READY) ## Measure REV and this tree in turns, and say what changed beyond the noise; BENCH, ROUNDS=5
	$(BIN)/python -m benchmarks.compare $(if $(ROUNDS),--rounds $(ROUNDS)) $(REV) $(BENCH)

chaos: $(READY) ## Break things on purpose; SEED=7 plays a schedule again, FAULT="worker-killed" for some of it
	$(BIN)/python -m chaos.run $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(FAULT)

images: $(READY) ## Build the images with Docker or Podman, which CONTAINER_ENGINE chooses
	@$(BIN)/python -m tools.images

compose-test: $(READY) ## Run docker-compose.yml with these images, and break it; needs Docker or Podman
	COMPOSE_TEST=1 $(BIN)/python -m pytest tests/acceptance/containers

lint: $(READY) ## Formatting, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate
lock: ## Resolve the locks anew: development, production with its extras, its own Redis, and what builds the wheel
	$(COMPILE) --group dev --extra all pyproject.toml -o requirements.lock
	$(COMPILE) --constraint requirements.lock --extra encryption --extra backup --extra http --extra flower pyproject.toml -o requirements-runtime.lock
	$(COMPILE) --constraint requirements.lock --extra valkey pyproject.toml -o requirements-valkey.lock
	$(COMPILE) --constraint requirements.lock --group build -o requirements-build.lock
	$(COMPILE) --group stub -o requirements-stub.lock
	$(COMPILE) --group plots -o requirements-plots.lock
	$(COMPILE) --group peers -o requirements-peers.lock

audit: $(READY) ## Ask the advisory database about our libraries; needs a way to it
	$(BIN)/pip-audit --requirement requirements-runtime.lock --no-deps --disable-pip

SBOM ?= sbom.json
sbom: $(READY) ## What the product consists of, as CycloneDX, in $(SBOM)
	$(BIN)/python -m tools.distribution --sbom $(SBOM)

DIST ?= dist
dist: $(READY) ## Wheel, source archive, list of parts, image tags and checksums of this tree, in $(DIST)
	@$(BIN)/python -m tools.distribution $(DIST)

release: $(READY) ## Prepare a release: VERSION=1.2.0; YES=1 runs the tests, commits and tags
	@$(BIN)/python -m tools.release $(VERSION) $(if $(YES),--yes)

WHEELHOUSE ?= wheelhouse
wheelhouse: $(READY) ## Gather the wheels for a machine without a network
	$(BIN)/pip download --quiet --disable-pip-version-check --require-hashes -r requirements-runtime.lock -r requirements-valkey.lock -d $(WHEELHOUSE)
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w $(WHEELHOUSE) .

docs: $(READY) ## Make the pages that come from the code
	$(BIN)/python -m tools.settings_page > docs/settings.md
	$(BIN)/python -m workers.telemetry.metrics > docs/metrics.md
	$(BIN)/python -m producers.http.openapi > docs/openapi.json
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.mapping_pages
	$(BIN)/python -m tools.schemas
	$(BIN)/python -m tools.figures
	$(BIN)/python -m tools.diagrams
	$(BIN)/python -m tools.account

windows: $(READY) ## Get a CPython for Windows with our libraries, which tests run in wine (apt-get install wine64 wine)
	$(BIN)/python -m tools.windows

STUB ?= build/stub
stub: $(RUNS) ## Compile the Smart Response commands for Windows and Linux, in $(STUB); gets a compiler (100 MB)
	$(LOCKED) -r requirements-stub.lock
	@$(BIN)/python -m tools.compiled_stub $(STUB)

docs-demo: $(READY) ## Run the demo and the tutorial, and paste what they print into the pages
	$(BIN)/python -m tools.demo_output
	$(BIN)/python -m tools.tutorial

sizes: $(READY) ## Install each extra into an empty folder, and write their sizes into docs/production.md
	$(BIN)/python -m tools.extras

SITE ?= site
docs-plots: ## Draw the plots of docs/explanation/performance.md anew; matplotlib goes into var/plots
	test -x var/plots/bin/python || $(PYTHON) -m venv var/plots
	var/plots/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-plots.lock
	var/plots/bin/python tools/plots/draw.py

docs-site: $(READY) ## The documentation as a site that needs no network, in $(SITE)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir $(abspath $(SITE))

screenshots: $(READY) ## Take docs/images and docs/output from a system that really runs; needs Chromium
	$(BIN)/python -m tools.screenshots

.PHONY: help install demo up test fuzz bench bench-compare chaos images compose-test lint lock audit sbom dist release wheelhouse docs windows stub docs-demo sizes docs-plots docs-site screenshots
