"""The databases of the benchmark: SQLite, and PostgreSQL where COUNTERPOISE_TEST_POSTGRES names a server."""
from __future__ import annotations

from pathlib import Path

from server import functionsets, grid, models
from server.config import settings
from tests import postgres

NAME = "counterpoise_scale"


def urls(folder: Path, size: int) -> dict[str, str]:
    """Return the URLs of empty databases, by engine."""
    found = {"SQLite": f"sqlite:///{folder}/{size}.db"}
    if postgres.URL:
        found["PostgreSQL"] = postgres.create(f"{postgres.URL.rpartition('/')[0]}/{NAME}_{size}")
    return found


def connect(url: str) -> None:
    """Open one, as a server would."""
    grid.load()
    functionsets.load()
    settings.database, settings.default_vder, settings.synchronous = url, "everyone", "normal"
    models.connect()
