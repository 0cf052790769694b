"""The environment of the clients, .venv-clients, and what is installed there."""
from __future__ import annotations

import subprocess
from pathlib import Path

from tests.matrix import interpreter

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-clients"
VERSIONS = "3.12", "3.13"
"""cactus-client and aio2030dot5 need Python 3.12."""
PACKAGES = ("cactus-client==1.3.3", "cactus-schema==1.4.0", "aio2030dot5==0.4.0",
            "gridappsd-2030-5-client==0.2.2")
ALONE = "cactus-client-notifications==0.1.0",
"""Installed without what it asks for: it names an older cactus-schema, but works with that of the client."""


class Missing(Exception):
    """There is no Python that these clients need, or they cannot be installed."""


def python() -> Path:
    """Return the interpreter of the environment, which is made or brought up to date. Missing if it cannot
    be."""
    stamp, contents = FOLDER / ".clients", "\n".join((*PACKAGES, *ALONE))
    executable = FOLDER / "bin" / "python"
    if stamp.exists() and stamp.read_text() == contents:
        return executable
    base = next(filter(None, map(interpreter, VERSIONS)), None)
    if base is None:
        raise Missing(f"These clients need Python {' or '.join(VERSIONS)}, which is not installed.")
    try:
        subprocess.run([base, "-m", "venv", FOLDER], check=True)
        for options, packages in (((), PACKAGES), (("--no-deps",), ALONE)):
            subprocess.run([executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                            *options, *packages], check=True)
    except subprocess.CalledProcessError as error:
        raise Missing(f"{' '.join(map(str, error.cmd))} failed.") from None
    stamp.write_text(contents)
    return executable
