# make demo    a whole release in a scratch folder: no daemon, no registry
# make test    all tests, with real services (installed first as root on Debian and Ubuntu; SERVICES=0 leaves the
#              system as it is, and the end of the run counts what was not run for it)
# make coverage  the same with branch coverage: the total, and the ten least covered modules
# make soak    the long forms: power cuts, killed writers, kill matrix, 2 GB copies, 100,000 damaged inputs for
#              every parser (SHIPMARK_FUZZ=N for another number), other registries that
#              Go builds (about half an hour)
# make check   style, types and import rules
# make docs    the documentation as a site in dist/docs, from README.md, docs/ and the code
# make lock    requirements.lock from pyproject.toml (LOCK=--upgrade takes the newest versions)
# make bench   how long commands take, against other tools (BENCH=tags for one of them)
# make image   shipmark's own container image, as an OCI layout in dist/shipmark (BASE=… for another base image with git
#              and Python 3.13, BASE_PYTHON=3.12 if it has another one, PLATFORM=linux/amd64 for one platform)
# make clean   removes what the other targets made
#
# Needs git and Python 3.11 or newer (PYTHON=… names one); everything else comes into .venv.

BIN := .venv/bin
TESTS ?=
# More than there are cores on a small machine: most tests wait for a program that they started.
WORKERS ?= 4
SERVICES ?= 1
BENCH ?=
LOCK ?=
BASE ?=
BASE_PYTHON ?=
PLATFORM ?=
LOCKED := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --constraints requirements.lock

.PHONY: help demo test coverage soak check docs lock bench image clean environment services

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

environment:
	@SERVICES=$(SERVICES) .ci/bootstrap

services:
	@SERVICES=$(SERVICES) .ci/bootstrap services

demo: environment
	@$(BIN)/shipmark demo

test: services
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(TESTS)

# Not part of `make test`: measuring doubles the processor time of the tests' own processes (80 to 159 s for 2,760 tests).
coverage: services
	$(BIN)/pytest -q -n $(WORKERS) --cov --cov-report= $(TESTS)
	@$(BIN)/coverage report --sort=cover | sed -n '1,12p;$$p'

soak: services
	$(BIN)/pytest -q -s -o python_files='soak_*.py' $(or $(TESTS),tests/soak)

check: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/shellcheck .ci/bootstrap .ci/run ci/install.sh ci/github/find.sh ci/github/comment/comment.sh
	$(BIN)/zizmor --quiet --offline --no-progress --persona pedantic --strict-collection .github action.yml ci/github
	$(BIN)/pytest -q tests/unit/test_imports.py
	env NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir dist/docs

docs: environment
	env NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir dist/docs
	@echo dist/docs/index.html

lock: environment
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --group dev --group docs --extra sql --extra zstd $(LOCK) --output-file requirements.lock pyproject.toml
	@printf '%s\n' '# Every package of the development environment, for Python 3.11 to 3.14 on all platforms. `make lock` writes it.' \
	  | cat - requirements.lock > requirements.lock.new && mv requirements.lock.new requirements.lock
	@# The same versions without the tools: what adapters install, and what builds the wheel.
	$(BIN)/uv $(LOCKED) --output-file ci/runtime.lock pyproject.toml
	echo hatchling | $(BIN)/uv $(LOCKED) --output-file ci/build.lock -
	@printf '%s\n' '# What `ci/install.sh` installs: the runtime dependencies, at the versions of requirements.lock. `make lock` writes it.' \
	  | cat - ci/runtime.lock > ci/runtime.lock.new && mv ci/runtime.lock.new ci/runtime.lock
	@printf '%s\n' "# What builds shipmark's own wheel and sdist, at the versions of requirements.lock. \`make lock\` writes it." \
	  | cat - ci/build.lock > ci/build.lock.new && mv ci/build.lock.new ci/build.lock

bench: environment
	$(BIN)/python -m tests.bench $(BENCH)

image: environment
	@$(BIN)/python .ci/image.py dist/image "$(BASE)" "$(BASE_PYTHON)"
	@$(BIN)/python -I $(BIN)/shipmark build --config $(if $(BASE),dist/image.yml,ci/image/shipmark.yml) \
	  $(addprefix --platform=,$(PLATFORM)) -o oci:dist/shipmark

clean:
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .coverage .hypothesis .shipmark build dist
	find release ci shipmark tests -name __pycache__ -type d -prune -exec rm -rf {} +
