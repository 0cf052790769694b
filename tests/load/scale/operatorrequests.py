"""What requests of operators' programs cost, as `requests` has those of devices."""
from __future__ import annotations

import json
import time
from typing import Any

from server.api import app
from server.api.routes import ROOT
from server.grid.groups import virtualders
from server.models import is_postgres
from server.operators import tokens, users
from server.operators.roles import Role
from server.resources import sql
from tests.load.scale.requests import Cost, cpu_s
from tests.wsgi import Client

CALLS, MEMBERS = 20, 100
USER, VDER = "bench", "bench"
DAY_S = 86_400
ORDER = {"vder": VDER, "delta_w": 10_000, "duration_s": 900, "dry_run": True}
CASES: dict[str, tuple[str, str, Any]] = {
    "REST, list of 100 devices": ("GET", "/devices?limit=100", None),
    f"REST, trial of an order for {MEMBERS} devices": ("POST", "/orders", ORDER),
}


def measure() -> dict[str, Cost]:
    """Return the cost of each case, with a token of an operator."""
    members = [lfdi for lfdi, in sql.rows("SELECT lfdi FROM device ORDER BY id LIMIT ?", MEMBERS)]
    virtualders.create(VDER, members=members)
    users.create(USER, Role.OPERATOR)
    token = tokens.create(USER, "bench", None, "", DAY_S)["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    client, backend = Client(app.create()), None
    if is_postgres():
        backend = int(sql.row("SELECT pg_backend_pid()")[0])
    costs = {}
    for name, (method, path, body) in CASES.items():
        data = json.dumps(body).encode() if body is not None else None
        own = database = 0.0
        for turn in range(CALLS + 1):
            if turn == 1:  # the first is to warm up
                own, database = time.process_time(), cpu_s(backend)
            answer = client.open(ROOT + path, method=method, data=data, headers=headers)
            assert answer.status_code == 200, answer.data
        own_ms = (time.process_time() - own) / CALLS * 1e3
        costs[name] = Cost(own_ms, own_ms + (cpu_s(backend) - database) / CALLS * 1e3)
    return costs
