"""Counterpoise's server.

Read it from the bottom up, the way imports go: `clock`, `errors`, `config` (leaves), `models` (the tables),
`resources` (what a 2030.5 resource is and how it is kept), `audit` (what operators changed, and why), `protocol` (the
devices' door), `grid` (virtual DERs), and at the top `cli` and `worker`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """The devices' door as a WSGI application, over the database that the settings name. It wires, nothing else."""
    from server import grid  # noqa: F401  (its rules announce themselves to the store)
    from server import clock, functionsets, models
    from server.config import settings
    from server.devices import lastcontact
    from server.protocol import app
    from server.resources import hooks

    functionsets.load()
    clock.follow(settings.clock)
    models.connect()
    hooks.run_seeds()
    models.db.close()
    lastcontact.start()
    return app.create()
