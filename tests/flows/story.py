"""What an operator does while real clients listen: posts controls, cancels some, puts the devices into
another group."""
from __future__ import annotations

import json
from typing import Any

from server import clock
from server.grid.controls import dercontrols
from server.models import ResponseRecord
from tests.flows.realclient import RealClient
from tests.flows.server import Server, until

STREET, HOUSE = "street", "house"
EVENTS = {
    "followed": ([1, 2, 3], {"opModMaxLimW": 5000}),
    "cancelled": ([1, 2, 6], {"opModTargetVar": {"multiplier": 0, "value": 500}}),
    "cancelled before": ([1, 6], {"opModFixedVar": {"refType": 3, "value": 1000}}),
    "superseded": ([1, 2, 7], {"opModTargetW": {"multiplier": 0, "value": 3000}}),
    "newer": ([1, 2, 3], {"opModTargetW": {"multiplier": 0, "value": 1000}}),
    "curve": ([1, 2, 3], {"opModVoltVar": {"href": "/derp/1/dc/1"}}),
    "envelope": ([1, 2, 3], {"csipaus:opModExpLimW": {"multiplier": 0, "value": 5000}}),
    "outranked": ([1, 2, 7], {"opModFixedW": 2000}),
    "nearer": ([1, 2, 3], {"opModFixedW": 1000}),
}
"""What is posted: which answers are due to it, and its DERControlBase. Those of different modes have nothing to do with
each other. The last is posted to a virtual DER that the devices are put into while they run."""
DEFAULT = {"opModMaxLimW": 9000}
CURVE = [word for point in ("92,30", "98,0", "102,0", "108,-30") for word in ("--point", point)]


def words(base: dict[str, Any]) -> list[str]:
    """A DERControlBase as the operator's commands take it."""
    return [f"{mode}={json.dumps(value)}" for mode, value in base.items()]


def tell(server: Server, clients: list[RealClient]) -> dict[str, str]:  # noqa: C901  (a story, told in order)
    """All of EVENTS, as time goes by; the mRIDs by their names. Most are posted from here, which is faster
    than by the command line."""
    hrefs, mrids = {}, {}

    def posted(name: str, control: dict[str, Any]) -> None:
        hrefs[name], mrids[name] = control["href"], control["mrid"]

    def post(name: str, wait: int, duration: int, to: str = STREET) -> None:
        posted(name, dercontrols.post(to, EVENTS[name][1], duration, clock.now() + wait, description=name))

    def poll() -> None:
        for client in clients:
            client.poll()

    def answered(name: str, status: int) -> None:
        def who() -> Any:
            return ResponseRecord.select().where(
                ResponseRecord.subject == mrids[name], ResponseRecord.status == status
            )

        until(
            lambda: who().count() == len(clients),
            why=lambda: f"{name}: {status} only of {[one.lfdi for one in who()]}",
        )

    server.operator("control", "curve", STREET, "--type", "opModVoltVar", "--y-ref-type", "3", *CURVE)
    lasting = ("cancelled", "superseded", "outranked")
    for name in lasting:
        post(name, 0, 300)
    post("cancelled before", 600, 300)
    posted(
        "followed",
        server.operator(
            "control",
            "post",
            STREET,
            *words(EVENTS["followed"][1]),
            "--start",
            "+4s",
            "--duration",
            "5s",
            "--description",
            "followed",
        ),
    )
    for name in ("curve", "envelope"):
        post(name, 3, 5)
    poll()
    for name in lasting:
        answered(name, 2)
    server.operator("control", "cancel", hrefs["cancelled"])
    dercontrols.cancel(hrefs["cancelled before"])
    post("newer", 2, 4)
    poll()
    members = [word for client in clients for word in ("--member", client.lfdi)]
    server.operator("vder", "create", HOUSE, "--parent", STREET, *members)
    post("nearer", 0, 8, HOUSE)
    for client in clients:
        client.api("rediscover", "POST")    # it does so by itself too, at its poll rate
    for name, (statuses, _) in EVENTS.items():
        answered(name, statuses[-1])
    return mrids
