# Containers by Hand: every command of the project. Each target does the set-up that it needs by itself,
# which takes a minute or two the first time and a blink afterwards.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup lab test check bench images lock clean

venv := $(or $(BYHAND_VENV),.venv)
python := $(venv)/bin/python
WHERE ?= auto
# What to run of the tests: make test TESTS=tests/unit, make test ARGS="-k busybox -x"
TESTS ?=
ARGS ?=

help: ## this list
	@echo "Containers by Hand: build, layer by layer, what Docker does for you."
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## install what the workbook needs; the other targets do this by themselves
	@machine/provision.sh lab

lab: setup ## open JupyterLab on the notebooks; WHERE=guest (User-mode Linux), here (this kernel) or auto
	@$(python) -m machine.lab --where $(WHERE)

test: ## run every test; TESTS=tests/unit for some of them, ARGS="-k name -x" for pytest
	@machine/provision.sh lab test
	@$(python) -m pytest --junit-xml=artefacts/tests.xml $(ARGS) $(TESTS)

check: ## run the linters and the tests of the house's rules, without root and in seconds
	@machine/provision.sh lab test
	@$(python) -m pytest tests/house $(ARGS)

bench: ## measure against the peers, side by side
	@machine/provision.sh lab test
	@$(python) -m benchmarks

images: ## make the base images debian and jre besides busybox, out of Debian's packages: a minute, once
	@machine/provision.sh lab images

lock: ## make requirements.lock anew from requirements.txt
	@machine/provision.sh lab
	@machine/lock.sh

clean: ## remove what set-up, tests and containers made: .venv, .guest, artefacts, left-over containers
	@[ ! -x $(venv)/bin/byhand ] || $(venv)/bin/byhand doctor --clean
	rm -rf .venv .guest artefacts
