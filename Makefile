# make demo   set up, run the embedded benchmark offline, print its leaderboard
# make test   set up, run every check and test
# make ui     browse the logged runs at http://127.0.0.1:5000
# make bench  speed beside other packages: docs/bench.md (an hour; nothing else should run)
# make docs   the docs site in build/site, strict and offline: open build/site/index.html
# make dvc    the same benchmark as a DVC pipeline

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.complete
UV     := $(shell command -v uv 2>/dev/null)

# Benchmarks must not depend on how many threads a machine happens to have.
export OMP_NUM_THREADS      ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS      ?= 1
# Bytecode is compiled at set-up; a start-up without it is several times slower.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo setup test check lint docs ui dvc bench lock dist sbom audit-packages clean

demo: setup
	$(BIN)/harness run benchmarks/digits.yaml

setup: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Say which with: make PYTHON=python3.12 ..."; exit 1; }
ifneq ($(UV),)
	uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)
	uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.txt
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
endif
	$(BIN)/python -m compileall -q harness
	@touch $(STAMP)

test: check

# ruff, mypy, the floors, pytest: one entry, the same for people and for CI.
check: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet harness tests
	$(BIN)/mypy
	$(BIN)/lint-imports

# A broken link or anchor, or a page that the nav forgets, is an error. (With --quiet, --strict would count no warning.)
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open build/site/index.html"

ui: setup
	MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	  $(BIN)/mlflow server --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port 5000 --workers 1

dvc: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" DVC_NO_ANALYTICS=1 $(BIN)/dvc repro

# faiss-cpu is measured too where it is installed.
bench: setup
	$(BIN)/python -m tests.bench

# Rewrites requirements.txt from requirements.in (needs uv); the file names no package index.
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 \
	  --upgrade requirements.in -o requirements.txt

# Wheel and sdist in dist/: two builds of one commit are the same bytes.
dist: setup
	$(BIN)/python -m tests.support.dist dist

# What requirements.txt installs, as CycloneDX JSON in dist/ (needs uv).
sbom:
	@mkdir -p dist
	uvx --from "cyclonedx-bom>=7,<8" cyclonedx-py requirements --output-reproducible --of JSON -o dist/sbom.json requirements.txt

# Known vulnerabilities of what requirements.txt installs (needs uv and a network that reaches the advisories).
audit-packages:
	uvx "pip-audit>=2.9,<3" --disable-pip --require-hashes -r requirements.txt

clean:
	rm -rf results .harness mlflow.db mlartifacts
