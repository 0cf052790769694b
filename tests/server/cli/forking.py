"""Runs command lines, each as a process of its own that is forked from one which has loaded everything.

A process that begins with nothing needs more than a second to load; a forked one a few hundredths.

    {"words": ["device", "list", "--json"], "stdin": ""}   a line on standard input, for each one of output:
    {"code": 0, "stdout": "[]\\n", "stderr": ""}
"""
from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from typing import Any

from server import cli, functionsets, grid
from server.resources import schema, validation

STDIN, STDOUT, STDERR = 0, 1, 2


def run(words: list[str], stdin: str) -> dict[str, Any]:
    """Run a command line; its standard output is a pipe."""
    outlet, inlet = os.pipe()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        output.write(stdin.encode())
        output.seek(0)
        process = os.fork()
        if not process:
            os.dup2(output.fileno(), STDIN)
            os.dup2(inlet, STDOUT)
            os.dup2(errors.fileno(), STDERR)
            os.close(inlet)
            _become(words)
        os.close(inlet)
        with open(outlet, "rb") as pipe:
            text = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        errors.seek(0)
        return {"code": code, "stdout": text.decode(), "stderr": errors.read().decode()}


def _become(words: list[str]) -> None:
    """Be the process of this command line, and end with it."""
    code = 1
    try:
        sys.stdin, sys.stdout, sys.stderr = (open(number, mode, closefd=False) for number, mode in (
            (STDIN, "r"), (STDOUT, "w"), (STDERR, "w")))
        cli.main(words, prog_name="counterpoise")
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _load() -> None:
    """Load what commands load when they are called."""
    from matplotlib import dates, figure

    from server.grid.balance import controller
    from server.grid.reports import charts, reports

    assert controller and reports and charts and dates and figure
    functionsets.load()
    grid.load()
    validation.validator()
    for tag in schema.elements():
        schema.type_spec(tag.rpartition("}")[2])


if __name__ == "__main__":
    _load()
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
