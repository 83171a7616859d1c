# Every target makes .venv by itself, once, and again when pyproject.toml has changed.
PYTHON ?= python3
TORCH ?= torch==2.13.0

BIN := .venv/bin
STAMP := .venv/.installed
STUDY := .venv/.study

# The fast tests by default; in CI the slow ones too.
ifeq ($(CI),true)
SELECTION :=
else
SELECTION := -m "not slow"
endif

.DEFAULT_GOAL := help
.PHONY: help demo test coverage mutants quality style bench docs

help:  ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: $(STUDY)  ## The study in its smallest form, on the built-in corpus: a table and a figure
	$(BIN)/python recipes/tinystories_grid.py $(ARGS)

test: $(STAMP)  ## The tests; with CI=true the slow ones too; ARGS goes to pytest
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(SELECTION) $(ARGS)

coverage: $(STAMP)  ## The branches of nc_hf that the tests reach: CI=true make coverage
	@mkdir -p dist/coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(SELECTION) --cov --cov-report=term $(ARGS)

mutants: $(STAMP)  ## Broken on purpose: how many of 100 changes the tests notice; ARGS="--seed 1" draws others
	$(BIN)/python .ci/mutants.py $(ARGS)

quality: $(STAMP)  ## Lint, format, types and the direction of imports, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict nc_hf recipes
	for page in spaces/*; do $(BIN)/mypy --strict $$page || exit 1; done  # each has an app.py
	$(BIN)/lint-imports

style: $(STAMP)  ## Format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## Every benchmark, one after another
	@set -e; for script in $$(grep -l __main__ benchmarks/*.py); do \
		echo "== $$script"; $(BIN)/python $$script; done

docs: $(STAMP)  ## The site, in dist/docs
	$(BIN)/mkdocs build --strict --quiet -f docs/site/mkdocs.yml

# What the demo needs and no more; what is there already is left as it is.
$(STUDY): pyproject.toml
	$(call install,study)
	@touch $@

$(STAMP): pyproject.toml
	$(call install,dev)
	@touch $@ $(STUDY)

# torch first and by itself, so that TORCH decides which build of it the rest finds.
define install
$(PYTHON) -m venv .venv
$(BIN)/python -m pip install --quiet "$(TORCH)"
$(BIN)/python -m pip install --quiet --editable '.[$(1)]'
endef
