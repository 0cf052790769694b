"""The suite on other interpreters, and with the oldest dependencies that setup.cfg allows.

`make test-matrix`, or `python3 tests/matrix.py [NAME…] [PYTEST OPTION…]`, where NAME is 3.12, 3.13 or lowest.
Each has a virtual environment of its own, .venv-NAME; once that is there, no network is needed. An
interpreter that is not installed is left out, with a line that says so. Needs the standard library only.
"""
from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

ROOT = Path(__file__).parents[1]
NAMES = ("3.12", "3.13", "lowest")
LOWEST = "3.11"
"""The interpreter for the lowest versions: the oldest that `python_requires` allows."""


def interpreter(version: str) -> str | None:
    """The path of a Python of this version that starts: on the path, else one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        which(f"python{version}"),
        *sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True),
    ]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-V"], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


def requirements() -> list[str]:
    """Every requirement in setup.cfg, extras included, without the extras that name each other."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lists = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return [
        line for text in lists for line in text.split("\n") if line and not line.startswith("counterpoise[")
    ]


def lowest(requirement: str) -> str:
    """The constraint that pins a requirement to its lower bound: `psycopg[binary] >=3.2,<4` gives
    `psycopg==3.2`."""
    match = re.match(r"([\w.-]+)(?:\[.*\])? +>=([\w.]+)", requirement)
    if not match:
        raise SystemExit(f"setup.cfg: {requirement!r} has no lower bound; write `name >=version`.")
    return f"{match[1]}=={match[2]}"


def environment(name: str, python: str, constraints: list[str]) -> Path:
    """The `bin` of the virtual environment .venv-NAME, made or brought up to date."""
    folder = ROOT / f".venv-{name}"
    stamp, contents = folder / ".test", "\n".join([python, *requirements(), *constraints])
    if stamp.exists() and stamp.read_text() == contents:
        return folder / "bin"
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    pins = folder / "constraints.txt"
    pins.write_text("\n".join(constraints))
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", pins, "--editable", ".[test]"], cwd=ROOT, check=True)
    stamp.write_text(contents)
    return folder / "bin"


def runs(names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, interpreter and constraints of each run."""
    for name in names:
        version = LOWEST if name == "lowest" else name
        python = interpreter(version)
        if python:
            yield (
                name,
                python,
                [lowest(requirement) for requirement in requirements()] if name == "lowest" else [],
            )
        else:
            print(f"{name}: left out, Python {version} is not installed", flush=True)


def main(arguments: list[str]) -> int:
    """Run the suite in each environment; the number of those in which it failed."""
    names = [argument for argument in arguments if argument in NAMES] or list(NAMES)
    options = [argument for argument in arguments if argument not in NAMES]
    passed = {}
    for name, python, constraints in runs(names):
        print(f"{name}: {python}", flush=True)
        command = [
            environment(name, python, constraints) / "python",
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "--dist",
            "loadfile",
        ]
        passed[name] = subprocess.run(command + options, cwd=ROOT, check=False).returncode == 0
    for name, all_passed in passed.items():
        print(f"{name}: {'passed' if all_passed else 'failed'}")
    return len(passed) - sum(passed.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
