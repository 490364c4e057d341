# Each target sets up what it needs: the virtual environment in .venv, and Debian's packages where a test needs one.

VENV := .venv/bin
DEBIAN_FOR_TESTS := prometheus prometheus-alertmanager kannel kannel-extras sip-tester postgresql chromium fonts-noto-cjk

.PHONY: help demo run test test-all lint lint-types lint-style lint-imports lint-migrations fmt messages bench screenshots lock
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/dev.stamp ## watch an alert reach three people, then look around in the console
	@tools/debian-packages.sh --optional prometheus
	$(VENV)/python -m demo

run: .venv/run.stamp ## run Tocsin on http://127.0.0.1:8000 until Ctrl-C
	$(VENV)/tocsin serve

test: .venv/dev.stamp ## lint, then the stories on Debian's PostgreSQL and all other tests on the embedded one
	@tools/debian-packages.sh $(DEBIAN_FOR_TESTS)
	@tools/debian-packages.sh --optional chromium-headless-shell
	@tools/old-arms-sdk.sh > /dev/null
	@tools/debian-postfix.sh > /dev/null
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint
	$(VENV)/pytest $(IN_PARALLEL) $(ORDER) $(EMBEDDED) < /dev/null
	tools/with-debian-postgres.sh $(VENV)/pytest $(IN_PARALLEL) $(ORDER) $(STORIES) tests/stories < /dev/null

test-all: EMBEDDED := -m '' --hypothesis-profile=search
test-all: STORIES := -m '' --hypothesis-profile=search
test-all: ORDER :=
test-all: test ## every test, with other languages, widths and long variants, and the stories on both databases

IN_PARALLEL := -n 2 --dist worksteal
EMBEDDED := --ignore tests/stories
# The same order and examples each time, so that a change is judged by what it changes; test-all looks for new ones.
ORDER := --randomly-seed=1

lint: lint-types lint-style lint-imports lint-migrations ## style, types, the direction of imports, missing migrations

lint-types: .venv/dev.stamp
	$(VENV)/mypy

lint-style: .venv/dev.stamp
	$(VENV)/ruff check
	$(VENV)/ruff format --check

lint-imports: .venv/dev.stamp
	$(VENV)/lint-imports

lint-migrations: .venv/dev.stamp
	TOCSIN_DATA_DIR=$(CURDIR)/.cache/no-database $(VENV)/python -W ignore::RuntimeWarning \
		-m django makemigrations --check --dry-run --settings tocsin.config.settings

fmt: .venv/dev.stamp ## put the code into shape
	$(VENV)/ruff check --fix
	$(VENV)/ruff format

messages: .venv/dev.stamp ## order and compile the translations
	$(VENV)/python tools/messages.py

bench: .venv/dev.stamp ## measure, beside Debian's Alertmanager
	@tools/debian-packages.sh prometheus-alertmanager
	$(VENV)/python -m benchmarks --write docs/benchmarks.md

screenshots: .venv/dev.stamp ## take the pictures of the documents again
	@tools/debian-packages.sh chromium fonts-noto-cjk pngquant
	$(VENV)/python -m demo.pictures

lock: ## pin again what pyproject.toml asks for
	@tools/venv.sh .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --output-file requirements.lock $(LOCK_OPTIONS)
	.venv-lock/bin/uv pip compile pyproject.toml --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock $(LOCK_OPTIONS)

LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

.venv/run.stamp: requirements.lock pyproject.toml tools/venv.sh
	@tools/venv.sh .venv requirements.lock
	@touch $@

.venv/dev.stamp: requirements-dev.lock pyproject.toml tools/venv.sh
	@tools/venv.sh .venv requirements-dev.lock
	@touch $@ .venv/run.stamp
