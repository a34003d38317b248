# Thin names over cargo and npm. Each target says what it does; `make` alone lists them.

SHELL := /bin/bash
CARGO ?= cargo
RELAY_URL := http://127.0.0.1:3030
# Where `make run` keeps the relay's database and the profiles. PARLEY_DATA moves all of it.
DATA := $(or $(PARLEY_DATA),$(or $(XDG_DATA_HOME),$(HOME)/.local/share)/parley)
PROFILE ?= default

.PHONY: help setup screen build run test check types licences deb appimage soak bench clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: ## Install the Debian packages that building needs, if any is missing
	@scripts/setup

screen: setup ## Build the screen, if it has changed
	@scripts/screen

build: screen ## Build the relay, the terminal client and the window, optimised
	$(CARGO) build --release --locked -p relay-server -p parley-cli -p parley-desktop

run: build ## Start a relay on 127.0.0.1:3030 and open the window; PROFILE=… opens another one beside it
	@PARLEY_DATA="$(DATA)" PARLEY_RELAY="$(RELAY_URL)" PROFILE="$(PROFILE)" scripts/run

test: screen ## Run every test
	@scripts/test

check: screen ## Format, lints, docs, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items
	@scripts/deny
	@scripts/licences --check
	npm --prefix ui run check
	npm --prefix ui run lint

types: screen ## Write the screen's types from Rust's
	PARLEY_WRITE_TYPES=1 $(CARGO) test --quiet --locked -p parley-desktop types::

licences: screen ## List the licences of everything that is in the app
	@scripts/licences

deb: screen ## Make the Debian package of the window
	cd src-tauri && ../ui/node_modules/.bin/tauri build --bundles deb

appimage: screen ## Make the AppImage of the window (its tools are fetched from the internet)
	cd src-tauri && ../ui/node_modules/.bin/tauri build --bundles appimage

soak: setup ## The long random campaign: SEED=… replays one, STEPS=… sets its length, RUNS=… how many
	@scripts/soak

bench: screen ## Measure the app on a profile of a million messages (MESSAGES=… for another size, MINUTES=… for longer use)
	@scripts/tauri-driver
	$(CARGO) build --release --locked -p parley-bench -p parley-desktop
	@scripts/bench

clean: ## Remove what was built
	$(CARGO) clean
	rm -rf ui/dist ui/dist-fake
