# Two commands: `make run` and `make test`. Both install what they need into .venv and work offline afterwards.
# `make run DAY=fast` has the demonstration's day over in three to four minutes; ARGS are options (`counterpoise demo --help`).
PYTHON ?= python3
BIN = .venv/bin
# Three processes keep two cores busy, since many tests wait for a database or another process. A file's tests stay
# in one process, and files begin in the order of tests/conftest.py.
PYTEST = $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder
# Hundreds of processes are started here; each would compile all modules anew where this is set.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint coverage soak test-matrix clients bench bench-scale bench-polls bench-grid docs pictures dist clean

run: .venv/.run
	$(BIN)/counterpoise demo $(if $(filter fast,$(DAY)),--fast) $(ARGS)

test: lint
	$(PYTEST) $(ARGS)

lint: .venv/.test
	$(BIN)/flake8 server clients certs website tests
	$(BIN)/isort --check-only --quiet server clients certs website tests
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: .venv/.test
	$(PYTEST) --cov --cov-report=term -q $(ARGS)

soak: .venv/.test
	$(BIN)/python -m $(if $(FLOWS),tests.soak.flows,tests.soak) $(ARGS)

test-matrix:
	$(PYTHON) tests/matrix.py $(ARGS)

clients: .venv/.test
	$(BIN)/python -m tests.thirdparty $(ARGS)

bench: .venv/.bench
	$(BIN)/python -m tests.load $(ARGS)

bench-scale: .venv/.bench .venv/.test
	$(BIN)/python -m tests.load.scale $(ARGS)
	$(BIN)/python -m tests.load.scale.fanout

bench-polls: .venv/.bench .venv/.test
	$(BIN)/python -m tests.load.scale.polls $(ARGS)

bench-grid: .venv/.bench
	$(BIN)/python -m tests.load.grid $(ARGS)

docs: .venv/.docs
	$(BIN)/python -m website
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --config-file build/mkdocs.yml
	@echo "The site: build/site/index.html (its search works from a server: python -m http.server --directory build/site)"

# Takes the pictures of the tutorial anew, in some minutes; needs chromium.
pictures: .venv/.test
	$(BIN)/python -m tests.browser.pictures

# What is shipped, in dist/: the wheel, the source, the systemd units where they belong, and what it is made of.
RUNTIME = postgres,report,console
dist: .venv/.dist
	rm -rf dist build/lib build/bdist.*
	$(BIN)/python -m build --no-isolation --outdir dist . >build.log || { cat build.log; exit 1; }
	@rm build.log
	tar -czf dist/counterpoise-debian.tar.gz --owner=0 --group=0 --mode=u=rwX,go=rX \
	    --transform='s,.*\.sysusers,usr/lib/sysusers.d/counterpoise.conf,;s,.*/\(.*\.\(service\|timer\)\),etc/systemd/system/\1,;s,^deploy,usr/share/counterpoise,' \
	    deploy
	test -d .venv-dist || $(BIN)/python -m venv --without-pip .venv-dist
	$(BIN)/pip --quiet --disable-pip-version-check --python .venv-dist install "$$(ls dist/*.whl)[$(RUNTIME)]"
	$(BIN)/pip --quiet --disable-pip-version-check --python .venv-dist install --no-deps --force-reinstall dist/*.whl
	cd dist && ../.venv-dist/bin/counterpoise settings >/dev/null
	$(BIN)/cyclonedx-py environment --output-reproducible --output-file dist/counterpoise-bom.json .venv-dist
	@ls -sh dist

clean:
	rm -rf .venv .venv-* var build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[console,report]'
	@touch $@

.venv/.test .venv/.bench .venv/.docs .venv/.dist: .venv/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(@:.venv/.%=%)]'
	@touch $@
