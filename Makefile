# Each target is one line of shell; `make` alone lists them.  GNU make 3.81 or newer, Python 3.11 or newer.
PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.installed
TRAIN := $(PY) -m mini_model train --profile cpu --resume
HAVE_VENV := $(PY) -m pip --version >/dev/null 2>&1

# After the install nothing reaches for the network, unless HF_HUB_OFFLINE=0 is asked for.
HF_HUB_OFFLINE ?= 1
TRANSFORMERS_OFFLINE ?= $(HF_HUB_OFFLINE)
HF_HUB_DISABLE_TELEMETRY := 1
TOKENIZERS_PARALLELISM := false
PYTHONUTF8 := 1
export HF_HUB_OFFLINE TRANSFORMERS_OFFLINE HF_HUB_DISABLE_TELEMETRY TOKENIZERS_PARALLELISM PYTHONUTF8

.PHONY: help demo test lab notebooks train-mini bench gpu-report

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## paint three prompts step by step with the shipped weights, into out/demo
	$(PY) -m mini_model demo

test: $(READY) ## check the style of the code, then run every test
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m pytest -n 2 --dist loadfile

lab: $(READY) ## open the lessons in JupyterLab
	$(PY) -m jupyter lab notebooks

notebooks: $(READY) ## derive the student, solution and instructor editions from lessons/ and execute them
	$(PY) -m mini_model.teach.editions

train-mini: $(READY) ## train the mini weights again on this processor, stage by stage, resuming what is begun
	$(TRAIN) autoencoder
	$(TRAIN) autoencoder --model out/autoencoder/model --steps 4000 --out out/polish
	$(TRAIN) vision --model out/polish/model
	$(TRAIN) language
	$(TRAIN) base
	$(TRAIN) process
	$(PY) -m mini_model data conflict --n 500 --model out/process/model
	$(PY) -m mini_model data alignment --n 500 --model out/process/model
	$(TRAIN) reflect

bench: $(READY) ## measure this machine, then training and painting against its peak
	$(PY) -m mini_model bench

gpu-report: $(READY) ## measure what this machine's CUDA card can do with the model at its true size
	$(PY) -m mini_model.evaluation.gpu_report

# The stamp makes a second run install nothing; a changed lock, or a .venv broken half-way, installs again.
$(READY): requirements.lock
	@$(HAVE_VENV) || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "'$(PYTHON)' is missing or older than Python 3.11; install a newer one and type, for example: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(HAVE_VENV) || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON)' cannot make a virtual environment; on Debian or Ubuntu type: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(HAVE_VENV) || $(PYTHON) -m venv --clear .venv
	$(PY) -m pip install --disable-pip-version-check -r requirements.lock && touch $@
