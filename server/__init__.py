"""Counterpoise: an IEEE 2030.5 server and a residential DERMS.

Read it from the bottom up, the way imports go: `drivers`, `systemclock` and `clock`, `errors`, `units`,
`currencies`, `differences`, `actors`, `quantitytexts`, `durationtexts`, `forks`, `config`; `logs`; `models`
(the tables); `scopes` (what of them is visible), `backups` (copies of all), `alarmkinds`, `alarmfindings`,
`alarms`, `diskspace`, `sidethreads`, `timekeeping`; `resources` (what a resource of the standard is and how
it is kept); `statechanges`, `audit` and `auditarchive`, `devices`, `notifications`, `functionsets`; `grid`
(the DERMS); `monitoring` (what is wrong, and who is told); `operators` (users); `operations` (what operators
can do); `worker`; and at the top, side by side, `protocol` (the device interface), `api` (REST for operators)
with `console` (its pages), and `cli` (their commands).
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from server import drivers

if TYPE_CHECKING:
    from flask import Flask


drivers.import_peewee()  # before any other module imports it
STATEMENT_S = 20  # a request of a device that takes longer than this does not get better


def create_app() -> Flask:
    """The device interface as a WSGI application, over the database that the settings name. It wires, nothing
    else."""
    from server import clock, functionsets, grid, models, timekeeping
    from server.config import settings
    from server.protocol import app, background
    from server.resources import hooks

    functionsets.load()
    grid.load()
    clock.follow(settings.clock)
    models.connect(wait_s=settings.write_wait_s, statement_s=STATEMENT_S, keep_plans=True)
    timekeeping.start()
    hooks.run_seeds()
    models.db.close()
    background.start()
    return app.create()
