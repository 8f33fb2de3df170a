# Offers mkx as targets of your own Makefile:
#
#   include /usr/local/share/mkx/mkx.mk
#
# `make mkx-help` lists them. MKX_SITE is the site document, MKX_FLAGS what else the command behind
# the target takes: make mkx-refresh MKX_FLAGS='--percent 20 --include alice'
#
# make ends with 2 whatever fails; where the exit code matters (docs/contract.md), call the script.

# Your Makefile's first target stays the default.
ifneq ($(words $(MAKEFILE_LIST)),1)
MKX_GOAL := $(.DEFAULT_GOAL)
endif
MKX_FILE := $(realpath $(lastword $(MAKEFILE_LIST)))
MKX_SCRIPTS := $(dir $(MKX_FILE))scripts
MKX_FLAGS ?=
ifdef MKX_SITE
export MKX_SITE
endif

.PHONY: mkx-help
mkx-help: ## list the targets of mkx
	@awk 'BEGIN {FS = ":.*## "} /^mkx-[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' '$(MKX_FILE)'

.PHONY: mkx-site mkx-audit mkx-plan mkx-refresh mkx-verify mkx-reset
mkx-site: ## print the site document with everything resolved
	mkx-compose site $(MKX_FLAGS)

mkx-audit: ## prove that the environments are isolated
	mkx-compose audit $(MKX_FLAGS)

mkx-plan: ## say what a refresh would bring; nothing is changed
	'$(MKX_SCRIPTS)/refresh' --dry-run $(MKX_FLAGS)

mkx-refresh: ## fill development from production: database, then files
	'$(MKX_SCRIPTS)/refresh' $(MKX_FLAGS)

mkx-verify: ## judge development's sample
	mkx-sample verify $(MKX_FLAGS)

mkx-reset: ## give development its untouched sample back
	mkx-sample reset $(MKX_FLAGS)

.PHONY: mkx-up mkx-down mkx-ps mkx-probe-edge mkx-probe-mqtt
mkx-up: ## start development's containers
	mkx-compose up eb $(MKX_FLAGS)

mkx-down: ## stop development's containers
	mkx-compose down eb $(MKX_FLAGS)

mkx-ps: ## list development's containers
	mkx-compose ps eb $(MKX_FLAGS)

mkx-probe-edge: ## ask the running edge whether it keeps what the site promises
	mkx-caddy probe $(MKX_FLAGS)

mkx-probe-mqtt: ## ask both brokers whether they are apart
	mkx-mqtt probe $(MKX_FLAGS)

.PHONY: mkx-rollout mkx-phase-1 mkx-phase-2 mkx-phase-3 mkx-phase-4
mkx-rollout: ## set both environments up, phase by phase
	'$(MKX_SCRIPTS)/rollout' $(MKX_FLAGS)

mkx-phase-1: ## two environments that are described apart
	'$(MKX_SCRIPTS)/phase-1-compose' $(MKX_FLAGS)

mkx-phase-2: ## development holds an anonymised sample, judged
	'$(MKX_SCRIPTS)/phase-2-sample' $(MKX_FLAGS)

mkx-phase-3: ## one edge for both environments, proven
	'$(MKX_SCRIPTS)/phase-3-caddy' $(MKX_FLAGS)

mkx-phase-4: ## development's broker and its login with another service
	'$(MKX_SCRIPTS)/phase-4-mqtt-oauth' $(MKX_FLAGS)

ifneq ($(words $(MAKEFILE_LIST)),1)
.DEFAULT_GOAL := $(MKX_GOAL)
endif
