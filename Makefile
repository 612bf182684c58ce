# Everything a developer runs; each target sets up what it needs.
# Installs and runs compile bytecode, whatever the surroundings say.
export PYTHONDONTWRITEBYTECODE =

VENV := .venv
PYTHON := $(VENV)/bin/python
# The target that was asked for, also while its prerequisites are made.
FOR = setup

.PHONY: help sizes setup demo serve test test-fast verify lint format docs bench clean

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(VENV)/.complete ## Build .venv with the package, every driver and the developers' tools.

$(VENV)/.complete: pyproject.toml constraints.txt tools/setup.sh | sizes
	sh tools/setup.sh $(VENV)

# Before anything is installed: what the target is going to fetch, and how much.
sizes:
	@python=$$(sh tools/python.sh) && "$$python" -m testbed.needs $(FOR) $(VENV)

demo: FOR = demo
demo: setup ## Run the main job on real databases and print each command with its output.
	$(PYTHON) -m tools.demo

serve: setup ## Run a control plane on this machine; its tests may reach this machine, which is refused by default.
	$(VENV)/bin/qualytics serve --allow-target 127.0.0.0/8

test: FOR = test
test: setup ## Run the whole suite against real servers, installing what is missing.
	$(PYTHON) -m testbed.prepare
	$(PYTHON) -m pytest -n 4 --dist loadfile --no-loadscope-reorder

test-fast: setup ## Run the tests that need no server, a few cases of each.
	$(PYTHON) -m tools.fast

verify: FOR = verify
verify: setup ## Test every type on its counterpart, or some: TYPES="s3 hive"; all of them keep their versions.
	$(PYTHON) -m tools.verify $(if $(TYPES),$(TYPES),--write)

lint: setup ## Check style, types and that generated documents are current.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYTHON) -m tools.docs --check

format: setup ## Format the code.
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: FOR = docs
docs: setup ## Write the generated documents anew, and record the tour and pictures on a real PostgreSQL.
	$(PYTHON) -m tools.docs
	$(PYTHON) -m tools.tour
	$(PYTHON) -m tools.pictures

bench: FOR = bench
bench: setup ## Print the figures as ratios to floors measured in the same run, or some: ROWS="list test".
	$(PYTHON) -m bench $(if $(ROWS),--rows "$(ROWS)")

clean: ## Remove what the targets made in this folder.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
