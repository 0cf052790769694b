"""How many controls devices have ahead of them: a client need not store more than 24 (CSIP 2.1, G10)."""
from __future__ import annotations

import json
from collections import Counter, defaultdict

from server import clock
from server.models import VirtualDER
from server.resources import documents, sql, table
from server.resources.codes import EventStatus
from server.units import Href

MOST = 24  # scheduled DERControls of a device


def warnings(vder: VirtualDER) -> list[str]:
    """Return a sentence if members of a virtual DER have more controls ahead than they need to store."""
    programs: dict[int, list[Href]] = defaultdict(list)
    for device, program in sql.rows(
        "SELECT m.device_id, v.program FROM membership m JOIN virtual_der v ON v.id = m.vder_id "
        "WHERE m.device_id IN (SELECT device_id FROM membership WHERE vder_id = ?)", vder.id
    ):
        programs[device].append(program)
    scheduled = _scheduled({program for of_device in programs.values() for program in of_device})
    counts = [sum(scheduled[program] for program in of_device) for of_device in programs.values()]
    over = [count for count in counts if count > MOST]
    if not over:
        return []
    return [f"{len(over)} of {len(counts)} members have more than {MOST} scheduled controls (up to "
            f"{max(over)}), and a client may forget the rest: post later ones later"]


def _scheduled(programs: set[Href]) -> Counter[Href]:
    """Return how many DERControls of each program (href) are scheduled."""
    statuses = sql.among(
        f"SELECT parent, status FROM document WHERE parent IN ({{}}) AND at > ? AND {documents.LISTED} "
        "AND status IS NOT NULL", (f"{program}/derc" for program in programs), clock.now())
    return Counter(table.parent(parent) for parent, status in statuses
                   if json.loads(status)["currentStatus"] == EventStatus.SCHEDULED)
