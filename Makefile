# Thin names over cargo. Each target says what it does; `make` alone lists them.

SHELL := /bin/bash
CARGO ?= cargo
RELAY_URL := http://127.0.0.1:3030
# Where `make run` keeps the relay's database and the profile. PARLEY_DATA moves both.
DATA := $(or $(PARLEY_DATA),$(or $(XDG_DATA_HOME),$(HOME)/.local/share)/parley)

.PHONY: help setup build run test check soak clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: ## Install the Debian packages that building needs, if any is missing
	@scripts/setup

build: setup ## Build the relay and the terminal client, optimised
	$(CARGO) build --release --locked -p relay-server -p parley-cli

run: build ## Start a relay on 127.0.0.1:3030 and open the terminal client against it
	@PARLEY_DATA="$(DATA)" PARLEY_RELAY="$(RELAY_URL)" scripts/run

test: setup ## Run every test
	@scripts/test

check: setup ## Format, lints, docs, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items
	@scripts/deny

soak: setup ## The long random campaign: SEED=… replays one, STEPS=… sets its length, RUNS=… how many
	@scripts/soak

clean: ## Remove what was built
	$(CARGO) clean
