# Every target is a line or two; the work is in tests/make/ and tests/lab/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# `make demo` takes the inventory lab, `make demo DEMO=pd` the inventory lab_pd.
DEMO ?=
INVENTORY := inventories/lab$(addprefix _,$(DEMO))
PY := .venv/bin/python
ENV := PATH="$(CURDIR)/.venv/bin:$$PATH"

# A hundred runs of ansible-playbook compile its plugins once, whatever the user's environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv lint unit checks docs-check sanity galaxy locks molecule integration fabric bench bench-weights quick test lab-up lab-down demo clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/controller: requirements.txt requirements-lab.txt
	@tests/make/venv.sh .venv 11 oldest $^ && touch $@

.venv/tools: requirements-dev.txt .venv/controller
	@tests/make/venv.sh .venv 11 oldest $< && touch $@

.venv-core2.21/controller: requirements.txt
	@tests/make/venv.sh .venv-core2.21 13 newest $< && touch $@ || [ $$? = 3 ]

venv: .venv/tools .venv-core2.21/controller ## Make the environments: controller, tools, and the newest ansible-core

lint: .venv/tools ## Check style and types of every file
	@tests/make/lint.sh

# Some of them wait for what takes seconds.
unit: .venv/tools ## Run the unit and property tests
	@$(PY) -m pytest -n 4 tests/unit

checks: venv ## Check the repository itself: defaults and specifications, inventories, the built collection
	@$(PY) -m pytest -n auto tests/checks

docs-check: .venv/tools ## Check the documentation of modules and roles
	@tests/make/docs.sh

sanity: venv ## Run ansible-test sanity and units
	@tests/sanity/run.sh sanity && tests/sanity/run.sh units

locks: .venv/tools ## Write the locks: the packages of SGLang and the routers, with their hashes
	@tests/make/locks.sh

galaxy: .venv/tools ## Build the collection and check it as Galaxy would on import
	@tests/make/galaxy.sh

molecule: .venv/tools ## Run the molecule scenarios on the lab's hosts; molecule-NAME runs one of them
	@$(ENV) MOLECULE_COMMAND_BORDERS=false molecule test --all

molecule-%: .venv/tools
	@$(ENV) MOLECULE_COMMAND_BORDERS=false molecule test -s $*

integration: .venv/tools ## Run the topologies with the real SGLang on the lab's hosts
	@$(ENV) $(PY) -m pytest tests/integration

fabric: .venv/tools ## Run the RDMA tests on two guests of QEMU with soft-RoCE (about 15 minutes without KVM)
	@$(ENV) $(PY) -m pytest -s -v tests/fabric

bench: .venv/tools ## Measure the plan and the deploy; the results are printed
	@$(ENV) $(PY) -m tests.bench

bench-weights: .venv/tools ## Measure copying and verifying a model beside the usual tools, and fan-out (about 25 minutes)
	@$(ENV) $(PY) -m tests.bench bench_weights bench_fanout

quick: venv ## Run what needs no hosts and a few minutes: lint, unit, checks
	@$(PY) -m tests.make.everything lint unit checks

test: venv ## Run everything that continuous integration runs (about 25 minutes on 2 cores, and 5 the first time)
	@$(PY) -m tests.make.everything

lab-up: .venv/controller ## Start the lab: three hosts with systemd and ssh on this machine
	@$(PY) -m tests.lab up --name demo --hosts node1 node2 node3 --subnet 10.77.0.0/24

lab-down: .venv/controller ## Remove the lab's hosts, and stop the engine if the lab started it
	@$(PY) -m tests.lab down --all && $(PY) -m tests.lab engine down

demo: lab-up ## Deploy a real model on the lab's hosts and ask it a question
	@$(ENV) ansible-playbook playbooks/deploy.yml -i $(INVENTORY)
	@$(PY) -m tests.lab ask --inventory $(INVENTORY)

clean: ## Remove the environments and caches in this directory
	@rm -rf .venv .venv-core2.21 .cache .ansible .hypothesis
