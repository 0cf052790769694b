"""What BASIC-016 to 026 and AGG-002 to 012 have in common: defaults and controls in two programs, one above
the other.

The server keeps the programs apart: each default and control is served as it was made, with its own status,
and which of them a device follows is the device's to say, by primacy.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server import clock
from server.grid.controls import defaultcontrols, dercontrols
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard.csip import client
from tests.standard.csip.client import ACTIVE, SCHEDULED

Base = dict[str, Any]
UPPER: Base = {"opModMaxLimW": 9000}  # DefaultDERControl of the upper program
LOWER: Base = {"opModMaxLimW": 8000}  # and of the lower
FIRST, SECOND = {"opModMaxLimW": 5000}, {"opModMaxLimW": 6000}
ALIKE, INDEPENDENT = SECOND, {"opModFixedW": 4000}
MINUTE = 60


def defaults_only(who: Peer, upper: str, lower: str) -> None:
    """Two programs with defaults, and no controls."""
    defaultcontrols.set_default(upper, UPPER)
    defaultcontrols.set_default(lower, LOWER)
    assert (client.default(who, upper), client.default(who, lower)) == (UPPER, LOWER)
    assert client.controls(who, upper) == client.controls(who, lower) == []


def one_control(who: Peer, vder: str, *, default: Base | None = None) -> str:
    """A control in three minutes for two, with a default beside it or without; it comes and goes alone.
    Returns its href."""
    if default is not None:
        defaultcontrols.set_default(vder, default)
    href = dercontrols.post(vder, FIRST, 2 * MINUTE, NOON + 3 * MINUTE)["href"]
    for second, state, listed in ((0, (SCHEDULED, NOON), 1), (180, (ACTIVE, NOON + 180), 1),
                                  (299, (ACTIVE, NOON + 180), 1), (300, (ACTIVE, NOON + 180), 0)):
        clock.turn_to(NOON + second)
        assert (client.status(who, href), len(client.controls(who, vder))) == (state, listed), second
        if default is not None:
            assert client.default(who, vder) == default, second
    return href


def one_after_another(who: Peer, first: str, second: str) -> None:
    """Two controls, in one program or two, the second from the end of the first on; neither touches the
    other."""
    one = dercontrols.post(first, FIRST, 2 * MINUTE, NOON + 3 * MINUTE)["href"]
    other = dercontrols.post(second, SECOND, 2 * MINUTE, NOON + 5 * MINUTE)["href"]
    for minute, states in ((0, (SCHEDULED, SCHEDULED)), (3, (ACTIVE, SCHEDULED)), (5, (ACTIVE, ACTIVE))):
        clock.turn_to(NOON + minute * MINUTE)
        assert tuple(client.status(who, href)[0] for href in (one, other)) == states, minute
        running = {*client.active(who, first), *client.active(who, second)}
        assert running == {0: set(), 3: {one}, 5: {other}}[minute]
    assert [client.status(who, href)[1] for href in (one, other)] == [NOON + 180, NOON + 300]


def overlapping(who: Peer, upper: str, lower: str, base: Base, *, late: str = "",
                posted: Callable[[str], None] = lambda vder: None) -> None:
    """A control of one program from the third minute to the ninth, one of the other from the fifth to the
    seventh; `late` is posted when the other has begun. Both stay what they are. `posted` is called after
    each."""
    spans = {upper: (FIRST, 3, 6), lower: (base, 5, 2)}
    if late == upper:
        spans = {upper: (FIRST, 5, 2), lower: (base, 3, 6)}
    hrefs = {}
    for vder in sorted(spans, key=lambda vder: vder == late):
        if vder == late:
            clock.turn_to(NOON + 4 * MINUTE)
        control, start, minutes = spans[vder]
        hrefs[vder] = dercontrols.post(vder, control, minutes * MINUTE, NOON + start * MINUTE)["href"]
        posted(vder)
    for minute in range(4 if late else 0, 10):
        clock.turn_to(NOON + minute * MINUTE)
        for vder, (_, start, minutes) in spans.items():
            href, begun = hrefs[vder], minute >= start
            over = minute >= start + minutes
            assert client.status(who, href)[0] == (ACTIVE if begun else SCHEDULED), (minute, vder)
            assert client.active(who, vder) == ([href] if begun and not over else []), (minute, vder)
            assert len(client.controls(who, vder)) == (0 if over else 1), (minute, vder)
            assert not who.get(href).data["EventStatus"]["potentiallySuperseded"]
