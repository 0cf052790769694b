"""What is shipped: the units start commands that exist and are confined alike, the wheel has every file."""
from __future__ import annotations

import re
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.test_docs import ROOT, parse, words_of

UNITS = sorted((ROOT / "deploy").glob("*.service"))
PROGRAM = "/opt/counterpoise/.venv/bin/"


def lines(unit: Path) -> set[str]:
    """The lines of a unit that say what its process may do."""
    return {line for line in unit.read_text().splitlines() if re.match(
        "(Protect|Private|Restrict|SystemCall|NoNew|Capab|Lock|UMask|User|State|Working|Environment)", line)}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_and_is_confined_as_the_others_are(unit: Path) -> None:
    start = re.search(rf"^ExecStart=.*{PROGRAM}(.*?)'?$", unit.read_text(), re.MULTILINE)
    assert start is not None
    parse(*words_of(re.sub(r"\$\$\(.*?\)", "now", start[1])))
    assert lines(unit) == lines(ROOT / "deploy/counterpoise.service")
    assert {"User=counterpoise", "NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=",
            "StateDirectory=counterpoise"} <= lines(unit)


def test_there_is_a_unit_for_each_that_lasts() -> None:
    text = "".join(unit.read_text() for unit in UNITS)
    assert {"serve", "work", "console", "backup"} <= {*re.findall(rf"{PROGRAM}counterpoise (\w+)", text)}


def test_the_wheel_has_every_file_that_a_package_has() -> None:
    """Data beside modules is shipped where setup.cfg names it alone."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = {package: re.split(r"\s*,\s*|\s+", names.strip())
                for package, names in setup["options.package_data"].items()}
    left_out = []
    for file in [*(ROOT / "server").rglob("*"), *(ROOT / "schemas").rglob("*")]:
        if file.is_dir() or file.suffix in (".py", ".pyc", ".md"):
            continue
        package = next(folder for folder in file.parents if (folder / "__init__.py").exists())
        name = ".".join(package.relative_to(ROOT).parts)
        inside = str(file.relative_to(package))
        if not any(fnmatch(inside, pattern) and ("**" in pattern or pattern.count("/") == inside.count("/"))
                   for pattern in patterns.get(name, ())):
            left_out.append(str(file.relative_to(ROOT)))
    assert left_out == []
