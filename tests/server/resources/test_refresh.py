"""A list that cannot be rendered stops no other."""
from __future__ import annotations

from typing import Any

import pytest

from server import alarms, clock
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.resources import refresh, render, store
from tests import peers
from tests.conftest import NOON


def test_the_others_are_rendered_and_it_is_tried_again(
    device: peers.Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    controls = []
    for name in ("street", "town"):
        virtualders.create(name, members=["one"])
        controls.append(dercontrols.post(name, {"opModConnect": True}, 3600, NOON + 60)["href"])
    bad, good = (href.rpartition("/")[0] for href in controls)
    reevaluate = render.reevaluate

    def fail(parent: str, *arguments: Any) -> Any:
        if parent == bad:
            raise ValueError("year 58874 is out of range")
        return reevaluate(parent, *arguments)

    monkeypatch.setattr(render, "reevaluate", fail)
    clock.turn_to(NOON + 60)
    assert refresh.run() == 2 and not refresh.due()
    statuses = [store.get(href).status["currentStatus"] for href in controls]
    assert statuses == [0, 1]
    assert device.get(f"{good}?l=9").status == 200
    alarm, = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("work", f"list {bad}") and "reference" in alarm["detail"]
    monkeypatch.undo()
    clock.turn_to(NOON + 60 + refresh.RETRY_S)
    assert refresh.due() and refresh.run() == 1
    assert store.get(controls[0]).status["currentStatus"] == 1
