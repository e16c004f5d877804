# Containers by Hand: every command of the project. Each target does the set-up that it needs by itself.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-test lab test check bench lock clean

venv := $(or $(BYHAND_VENV),.venv)
python := $(venv)/bin/python
WHERE ?= auto

help: ## this list
	@echo "Containers by Hand: build, layer by layer, what Docker does for you."
	@echo
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: ## install what the workbook needs (the other targets do this by themselves)
	@machine/provision.sh lab

setup-test: ## install what the tests need besides
	@machine/provision.sh lab test

lab: setup ## JupyterLab on the notebooks; WHERE=guest (User-mode Linux), here (this kernel) or auto
	@$(python) -m machine.lab --where $(WHERE)
