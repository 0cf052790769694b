"""A TOML file of settings, named in an environment."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], dict[str, str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file; the environment that names it."""
    def written(text: str) -> dict[str, str]:
        file = tmp_path / "c.toml"
        file.write_text(text)
        return {"COUNTERPOISE_CONFIG": str(file)}
    return written
