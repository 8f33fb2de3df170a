# The targets a person or a pipeline types. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
MKX_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mkx
# The others are for this repository.
INSTALLED_SCRIPTS := $(addprefix scripts/,refresh rollout phase.bash phase-1-compose phase-2-sample phase-3-caddy \
    phase-4-mqtt-oauth)
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# What scripts/setup keeps private to mkx is found after what the machine has.
export MKX_CACHE
export PATH := $(PATH):/usr/sbin:$(MKX_CACHE)/bin

.PHONY: help build release test demo bench prove fmt lint licences check install clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build all tools for development
	cargo build --workspace --all-targets

release: ## build all tools optimised
	cargo build --workspace --release

test: ## install what is missing, then run every test against real servers
	scripts/setup >/dev/null
	cargo build --workspace --all-targets
	cargo test --workspace --doc --quiet
	@if command -v cargo-nextest >/dev/null; then cargo nextest run --workspace --test-threads "$$(($$(nproc) + 1))"; else cargo test --workspace --all-targets; fi
	@if compgen -G 'tests/*.bats' >/dev/null; then PATH="$(TARGET)/debug:$$PATH" bats tests; fi

demo: ## watch a production environment become an anonymised development one
	scripts/setup --only demo >/dev/null
	cargo build --workspace --release
	PATH="$(TARGET)/release:$$PATH" scripts/demo

bench: release ## measure against the tools people would use instead
	scripts/setup --only tests >/dev/null
	PATH="$(TARGET)/release:$$PATH" scripts/bench

prove: ## the long runs, in parts that are done once for each state of the sources; PART=name is one
	scripts/setup >/dev/null
	cargo build --workspace --release
	scripts/prove $(PART)

fmt: ## format the sources
	cargo fmt --all

lint: ## formatting, clippy, shellcheck
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings
	git ls-files | xargs --delimiter='\n' \
	    awk 'FNR == 1 {if (/^#!.*[\/ ](bash|sh|bats)( |$$)/) print FILENAME; nextfile}' | \
	    xargs --delimiter='\n' --no-run-if-empty shellcheck

licences: ## what the dependencies may be and where they may come from
	cargo deny --log-level error check licenses bans sources

check: lint licences ## everything that needs no server

install: release ## put the tools into PREFIX/bin, scripts and mkx.mk into PREFIX/share/mkx
	install --directory "$(DESTDIR)$(PREFIX)/bin"
	find "$(TARGET)/release" -maxdepth 1 -type f -name 'mkx-*' -perm /111 \
	    -exec install --mode=0755 --target-directory="$(DESTDIR)$(PREFIX)/bin" {} +
	install --directory "$(DESTDIR)$(PREFIX)/share/mkx/scripts" "$(DESTDIR)$(PREFIX)/share/mkx/systemd"
	install --mode=0755 --target-directory="$(DESTDIR)$(PREFIX)/share/mkx/scripts" $(INSTALLED_SCRIPTS)
	install --mode=0644 --target-directory="$(DESTDIR)$(PREFIX)/share/mkx" mkx.mk
	install --mode=0644 --target-directory="$(DESTDIR)$(PREFIX)/share/mkx/systemd" scripts/systemd/*

clean: ## remove what was built
	cargo clean
