"""Events of many virtual DERs, a page of virtual DERs at a time."""
from __future__ import annotations

import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import dercontrols, eventlisting
from server.grid.groups import virtualders
from server.models import pages


@pytest.mark.usefixtures("server")
def test_events_come_in_the_order_of_virtual_ders_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    posted = []
    for name in ("c", "b", "a", "empty"):
        virtualders.create(name)
    for name in ("c", "b", "a"):
        later, sooner = (dercontrols.post(name, {"opModFixedW": 1}, 60, clock.now() + start)["href"]
                         for start in (600, 60))
        posted += [(name, sooner), (name, later)]

    def listed(vder: str | None = None, ended: bool = False) -> list[tuple[str, str]]:
        events = eventlisting.of(vder, lambda owner: f"{owner.program}/derc", ended)
        return [(owner.name, event.href) for owner, event in events]
    assert listed() == posted and listed("b") == posted[2:4]
    clock.advance(120)
    assert listed() == posted[1::2] and listed(ended=True) == posted
    monkeypatch.setattr(pages.rows, "__defaults__", (3,))
    assert listed(ended=True) == posted


@pytest.mark.usefixtures("server")
def test_who_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(Refused, match="nobody"):
        eventlisting.of("nobody", lambda owner: owner.program, False)
