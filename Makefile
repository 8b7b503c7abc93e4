# Everything a checkout can do, each target with its own set-up. All of it stays in this folder.
#
#   make demo    simulate a stroke study, preprocess it, score it   [SEED= SUBJECTS= SIZE= CORES= DIR=]
#   make test    all tests                                          [ARGS= for pytest]
#   make lint    ruff, snakefmt, snakemake --lint

PYTHON   ?= python3
VENV     ?= .venv
CORES    ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
DIR      ?= demo
SEED     ?= 1
SUBJECTS ?= 3
SIZE     ?= small
ARGS     ?=

# Caches of pip, snakemake and matplotlib belong to the checkout, too.
export XDG_CACHE_HOME := $(CURDIR)/.cache
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export PYTHONPATH := workflow/scripts

BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake

.PHONY: demo test lint clean
.DELETE_ON_ERROR:

demo: $(VENV)/imaging.done
	$(SNAKEMAKE) --cores $(CORES) --quiet rules --config \
	  output=$(DIR)/derivatives work=$(DIR)/work \
	  'phantom={"folder": "$(DIR)", "subjects": $(SUBJECTS), "seed": $(SEED), "size": "$(SIZE)"}'
	@$(BIN)/python -m strokeprep.summary $(DIR)

test: $(VENV)/test.done
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(SNAKEMAKE) --lint

clean:
	rm -rf $(VENV) .cache .snakemake demo

$(VENV)/imaging.done: envs/imaging.txt envs/constraints.txt
	@echo "Setting up the imaging environment in $(VENV) (about a minute)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -r envs/imaging.txt
	@touch $@

$(VENV)/test.done: $(VENV)/imaging.done envs/test.txt
	@echo "Adding the test tools to $(VENV)"
	$(BIN)/pip install --disable-pip-version-check -r envs/test.txt
	@touch $@
