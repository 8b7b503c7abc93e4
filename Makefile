# Everything a checkout can do, each target with its own set-up. All of it stays in this folder.
#
#   make demo    simulate a stroke study, preprocess it, score it   [SEED= SUBJECTS= SIZE= CORES= DIR=]
#                FROM=dicom: begin with the DICOM export of a hospital
#                STUDY=jhu: patients with diffusion MRI alone; STUDY=atlas: T1-weighted MRI of old strokes
#                CIRCULATION=drawn: boluses like those of real patients; limits of accuracy are not theirs
#                CIRCULATION=narrow: the same, and one carotid of each patient is narrow
#                TABLE=shuttle: the table of CT perfusion goes back and forth, so that slices have times of their own
#   make release the same, then as an archive like that of ISLES'24 in DIR/release  [as make demo]
#   make cohort  the same, then maps, tables and a page of all patients          [as make demo]
#   make audit   read a finished study's output again: each file as released, none private    [DIR=]
#   make report  Snakemake's own report on that run, with the graph of its rules: DIR/snakemake.html
#   make test    all tests but those of the networks, two of these at one time: test-units, of the library,
#                test-plans, of what is planned, and test-runs, of whole runs       [ARGS= for pytest]
#   make test-fast      the unit tests that take less than a second each: for every save
#   make test-models    the tests that run HD-BET and TotalSegmentator
#   make models  fetch the networks' weights: those named, or what a study needs
#                                                      [MODELS= FOLDER= FROM= or CONFIG=]
#   make test-hostile   bad input, planted leaks, kills and other mishaps     [FULL=1: all of them]
#   make test-review    people judge a study in a browser, where one is installed [ARGS= for pytest]
#   make test-slurm     the workflow on a SLURM cluster raised on this machine, as root [FULL=1]
#   make bench-scale    what planning costs, from 1 to 1,000 patients
#   make bench-heads FOLDER=heads   all brain backends on heads laid out as NAME/image.nii.gz, beside
#                NAME/judge.nii.gz where there is one                          [WEIGHTS=models ARGS=]
#   make bench-hard-heads   the template backend on simulated heads that are ill or badly scanned [ARGS=]
#   make bench-harder-heads FOLDER=heads   real heads with their judge.nii.gz, made harder in the ways of archives:
#                which wrong masks of the template backend pass                [ARGS=]
#   make bench-defects   planted defects of brain masks, and which figures tell them; synthetic heads, or
#                those of ARGS='--folder heads'
#   make bench-ways-up   heads whose headers have them another way up: none may be taken [ARGS=]
#   make environments   install all that the tests need, and run nothing
#   make bench-release  what a release of 150 patients takes                       [ARGS=]
#   make bench-lesions   count, side and type of the lesions of 40 simulated patients [ARGS=]
#   make bench-cohort   what maps of 10, 100 and 1,000 patients take               [ARGS=]
#   make bench-corrections  a brain, a registration and an artery corrected from end to end
#   make bench-editors  files that 3D Slicer's own code saves, taken in as corrections
#   make bench-ctp      what the perfusion branch of one clinical patient takes, against limits
#   make settings   write the config's schema and the tables of config/README.md from the settings
#   make lint    ruff, snakefmt, mypy, snakemake --lint
#   make bench   this project beside its peers: bench-registration, bench-motion, bench-perfusion,
#                bench-metrics, bench-intake, bench-segmentation
#                (osipy, a peer of the last, needs Python >= 3.12: PYTHON=python3.12)

PYTHON   ?= python3
VENV     ?= .venv
CORES    ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
DIR      ?= demo
STUDY    ?= isles24
SEED     ?= 1
SUBJECTS ?= 2
SIZE     ?= small
CIRCULATION ?= textbook
TABLE    ?= still
ARGS     ?=
FULL     ?= 0
NETWORKS ?= .venv-segmentation
MODELS   ?= hd-bet total-fast
FOLDER   ?= models
FROM     ?=
WEIGHTS  ?= models

# Caches of pip, snakemake and matplotlib belong to the checkout, too.
export XDG_CACHE_HOME := $(CURDIR)/.cache
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
# So do temporary files, in a short path: some are sockets, and those may have 107 characters.
export TMPDIR := $(shell mkdir -p .cache/tmp)$(CURDIR)/.cache/tmp
export FULL
# What is imported is compiled once, also where Python is told not to: else each job compiles again.
export PYTHONDONTWRITEBYTECODE :=

BIN := $(VENV)/bin
# Most of what is installed is never imported: Python compiles what is.
PIP := --disable-pip-version-check --no-compile
SNAKEMAKE := $(BIN)/snakemake
# Where make itself was told how many jobs to run, that goes.
TWO_AT_A_TIME = $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs 2)

BENCHMARKS := registration motion perfusion metrics intake editors

SOURCE = $(if $(filter dicom,$(FROM)),$(comma) "source": "dicom")
comma := ,

# What a study of another kind than the usual one has switched on.
OF_STUDY = $(if $(filter-out isles24,$(STUDY)),--configfile config/config.yaml config/simulated/$(STUDY).yaml)

CONFIGURED = $(OF_STUDY) --config output=$(DIR)/derivatives work=$(DIR)/work \
  'release={"folder": "$(DIR)/release", "preview": $(if $(filter isles24,$(STUDY)),true,false)}' \
  'phantom={"folder": "$(DIR)", "study": "$(STUDY)", "subjects": $(SUBJECTS), "seed": $(SEED), "size": "$(SIZE)", "circulation": "$(CIRCULATION)", "table": "$(TABLE)"$(SOURCE)}'

.PHONY: environments demo audit release cohort report test test-units test-plans test-runs test-review test-fast test-models models test-hostile \
  test-slurm lint settings clean bench bench-scale bench-ctp bench-release bench-cohort bench-lesions bench-segmentation bench-heads \
  bench-hard-heads bench-harder-heads bench-defects bench-ways-up bench-corrections $(BENCHMARKS:%=bench-%)
.DELETE_ON_ERROR:

environments: $(VENV)/slurm.done $(NETWORKS)/segmentation.done

demo: $(VENV)/imaging.done
	$(SNAKEMAKE) --cores $(CORES) $(CONFIGURED)
	@$(BIN)/strokeprep accuracy $(DIR)

release: $(VENV)/preview.done demo
	$(SNAKEMAKE) release --cores $(CORES) $(CONFIGURED)
	@echo "Release: $(DIR)/release"

cohort: demo
	$(SNAKEMAKE) cohort --cores $(CORES) $(CONFIGURED)
	@$(BIN)/strokeprep accuracy $(DIR)
	@echo "Cohort: $(DIR)/derivatives/docs/cohort/index.html"

audit: $(VENV)/imaging.done
	@$(BIN)/strokeprep audit $(DIR)

report: $(VENV)/imaging.done
	$(SNAKEMAKE) --cores 1 $(CONFIGURED) --report $(DIR)/snakemake.html

test: $(VENV)/test.done
	@$(MAKE) --no-print-directory $(TWO_AT_A_TIME) test-units test-runs test-plans

test-units: $(VENV)/test.done
	$(BIN)/python -m pytest tests/unit $(ARGS)

test-plans: $(VENV)/test.done
	$(BIN)/python -m pytest tests/plans $(ARGS)

test-runs: $(VENV)/test.done
	$(BIN)/python -m pytest tests/workflow tests/report $(ARGS)

test-review: $(VENV)/test.done
	$(BIN)/python -m pytest -rs tests/review $(ARGS)

test-fast: $(VENV)/test.done
	$(BIN)/python -m pytest tests/unit -m "not slow" --numprocesses 2 --dist loadfile $(ARGS)

test-models: $(NETWORKS)/segmentation.done
	$(NETWORKS)/bin/python -m pytest tests/models $(ARGS)

models: $(VENV)/imaging.done
ifdef CONFIG
	$(SNAKEMAKE) models --cores 1 --quiet rules --configfile $(CONFIG)
else
	$(BIN)/strokeprep weights --folder $(FOLDER) $(if $(FROM),--from $(FROM)) $(MODELS)
endif

test-hostile: $(VENV)/test.done
	$(if $(filter 1,$(FULL)),STROKEPREP_FUZZ=20) $(BIN)/python -m pytest -rs \
	  tests/hostile tests/unit/privacy/test_audit.py tests/disturbed $(ARGS)

test-slurm: $(VENV)/slurm.done
	STROKEPREP_SLURM=1 $(BIN)/python -m pytest -rs tests/slurm $(ARGS)

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(SNAKEMAKE) --lint

settings: $(VENV)/imaging.done
	$(BIN)/strokeprep settings --write

bench-scale: $(VENV)/imaging.done
	$(BIN)/python benchmarks/scale.py --out .bench/scale.tsv

bench-release: $(VENV)/preview.done
	$(BIN)/python benchmarks/release.py --folder .bench/release --out .bench/release.tsv $(ARGS)

bench-lesions: $(VENV)/imaging.done
	$(BIN)/python benchmarks/lesions.py $(ARGS)

bench-cohort: $(VENV)/imaging.done
	$(BIN)/python benchmarks/cohort.py --folder .bench/cohort --out .bench/cohort.tsv $(ARGS)

bench-corrections: $(VENV)/imaging.done
	$(BIN)/python benchmarks/corrections.py --folder .bench/corrections --out .bench/corrections.tsv

bench-ctp: $(VENV)/imaging.done
	$(BIN)/python benchmarks/branch.py --out .bench/ctp.tsv

bench: $(BENCHMARKS:%=bench-%) bench-segmentation

$(BENCHMARKS:%=bench-%): bench-%: .bench/%.done
	PYTHONPATH=workflow/scripts .bench/$*/bin/python benchmarks/$*.py --out .bench/$*.tsv

bench-segmentation: $(NETWORKS)/segmentation.done
	@mkdir -p .bench
	PYTHONPATH=workflow/scripts $(NETWORKS)/bin/python benchmarks/segmentation.py --out .bench/segmentation.tsv

# Where the networks' environment is there, they take part.
bench-heads: $(VENV)/imaging.done
	$(if $(wildcard $(NETWORKS)/segmentation.done),$(NETWORKS),$(VENV))/bin/python benchmarks/heads.py \
	  $(FOLDER) --models $(WEIGHTS) --out .bench/heads.tsv --overlays .bench/heads $(ARGS)

bench-ways-up: $(VENV)/imaging.done
	$(BIN)/python benchmarks/ways_up.py $(ARGS)

bench-hard-heads: $(VENV)/imaging.done
	$(BIN)/python benchmarks/hard_heads.py $(ARGS)

bench-harder-heads: $(VENV)/imaging.done
	$(BIN)/python benchmarks/harder_heads.py $(FOLDER) --out .bench/harder_heads.tsv $(ARGS)

bench-defects: $(VENV)/imaging.done
	$(BIN)/python benchmarks/defects.py --out .bench/defects.tsv $(ARGS)

.bench/%.done: benchmarks/peers-%.txt
	@echo "Setting up the peers of $* in .bench/$*"
	$(PYTHON) -m venv .bench/$*
	.bench/$*/bin/pip install $(PIP) -r benchmarks/peers-$*.txt
	@touch $@

clean:
	rm -rf $(VENV) $(NETWORKS) .bench .cache .snakemake demo

$(VENV)/imaging.done: envs/imaging.txt envs/constraints.txt pyproject.toml
	@echo "Setting up the imaging environment in $(VENV) (about a minute)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP) -r envs/imaging.txt
	$(BIN)/pip install $(PIP) --no-deps --editable .
	@touch $@

$(VENV)/preview.done: $(VENV)/imaging.done envs/preview.txt
	@echo "Adding what writes previews to $(VENV)"
	$(BIN)/pip install $(PIP) -r envs/preview.txt
	@touch $@

$(VENV)/test.done: $(VENV)/preview.done envs/test.txt envs/loaders.txt
	@echo "Adding the test tools to $(VENV)"
	$(BIN)/pip install $(PIP) -r envs/test.txt -r envs/loaders.txt
	@touch $@

$(VENV)/slurm.done: $(VENV)/test.done envs/slurm.txt
	@echo "Adding the SLURM executor to $(VENV)"
	$(BIN)/pip install $(PIP) -r envs/slurm.txt
	@touch $@

$(NETWORKS)/segmentation.done: envs/segmentation.txt envs/segmentation-constraints.txt envs/imaging.txt envs/test.txt envs/constraints.txt
	@echo "Setting up the networks' environment in $(NETWORKS) (3 GB without GPU, some minutes)"
	$(PYTHON) -m venv $(NETWORKS)
	$(NETWORKS)/bin/pip install $(PIP) -r envs/segmentation.txt -r envs/test.txt
	@touch $@
