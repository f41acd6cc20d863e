# Everything one does with the stack. `make` alone lists it.

COMPOSE := docker compose
# npm scripts bring their own Node.js 24 (the package `node`); any npm will do on the host.
NPM := npm --silent

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: ## Check the machine, start the stack, wait until all is healthy
	@scripts/preflight
	@$(COMPOSE) up --build --detach --wait
	@scripts/addresses

.PHONY: down
down: ## Stop the stack; the data stays
	@$(COMPOSE) down --remove-orphans

.PHONY: clean
clean: ## Stop the stack and remove its data: metrics, logs, positions, Grafana's database
	@$(COMPOSE) down --remove-orphans --volumes
	@echo 'The stack and all of its data are gone.'

# What is given to `make` as NAME=value is in the environment of what it runs.
.PHONY: logs
logs: ## Follow what containers print; or log lines from Loki: make logs SERVICE=app LEVEL=error SINCE=15m
ifneq ($(SERVICE)$(LEVEL)$(SEARCH),)
	@scripts/logs
else
	@$(COMPOSE) logs --follow --tail 20
endif

.PHONY: status
status: ## Each service: health, address, requests/s and lines/s; and the alerts that fire
	@scripts/status

.PHONY: adopt-check
adopt-check: ## What a service lacks for its dashboards: make adopt-check TARGET=shop:3000 JOB=shop
	@scripts/adopt-check

# Faults on purpose; each says what will be seen, where and when. BREAK_FAST=1 has alerts come 20 times sooner.
.PHONY: break-errors
break-errors: ## Every second request fails
	@scripts/break errors

.PHONY: break-latency
break-latency: ## Every answer takes half a second longer
	@scripts/break latency

.PHONY: break-cpu
break-cpu: ## The service computes for half of each second
	@scripts/break cpu

.PHONY: break-app
break-app: ## The service is gone
	@scripts/break app

.PHONY: break-logs
break-logs: ## Promtail is gone
	@scripts/break logs

.PHONY: break-loki
break-loki: ## Loki is gone
	@scripts/break loki

.PHONY: repair
repair: ## Undo every break-…
	@scripts/break repair

.PHONY: test
test: node_modules ## Run every test: static checks, unit, config, and end-to-end on a stack of its own
	@$(NPM) run static
	@$(NPM) test

.PHONY: check
check: node_modules ## Run what needs no running stack: formatting, lint, types, unit and config tests
	@$(NPM) run static
	@$(NPM) run test:check

.PHONY: e2e
e2e: node_modules ## Run the end-to-end tests on a stack of their own
	@$(NPM) run test:e2e

.PHONY: audit
audit: ## Count the lines of a service in its files and in Loki: make audit SERVICE=app SINCE=15m
	@SERVICE='$(or $(SERVICE),app)' SINCE='$(SINCE)' FROM='$(FROM)' TO='$(TO)' scripts/audit

.PHONY: faults
faults: node_modules ## Break every part of the log pipeline in turn and count the lines; takes 35 minutes
	@$(NPM) run test:faults

.PHONY: bench
bench: node_modules bench/node_modules ## Measure what observing costs a request, beside what else one could use; takes 15 to 60 minutes
	@$(NPM) --prefix bench run http
	@$(NPM) --prefix bench run micro

.PHONY: bench-soak
bench-soak: node_modules bench/node_modules ## Ask a million times: is memory flat, and is everything counted? Takes 5 minutes
	@$(NPM) --prefix bench run soak

.PHONY: bench-stack
bench-stack: node_modules ## Measure the time from up until the overview is full, and the memory of each container
	@$(NPM) --prefix bench run stack

.PHONY: bench-pipeline
bench-pipeline: node_modules ## Measure lines per second from files to Loki, streams, and the writer's cost; takes 10 minutes
	@$(NPM) run bench

.PHONY: fmt
fmt: node_modules ## Format every file
	@$(NPM) run fmt

node_modules: package.json package-lock.json app/package.json generators/package.json
	@npm ci
	@touch node_modules

bench/node_modules: bench/package.json bench/package-lock.json
	@cd bench && npm ci --ignore-scripts
	@touch bench/node_modules
