"""The operator's actions while real clients are connected: posting and cancelling controls, and adding the
devices to another virtual DER."""
from __future__ import annotations

from typing import Any

from server import clock
from server.grid.controls import dercontrols
from server.models import ResponseRecord
from tests.flows.realclient import RealClient
from tests.flows.server import Server, until

STREET, HOME = "street", "home"
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
"""The controls by name: the statuses of the Responses that are due, and the DERControlBase.

Controls of different modes are independent. The last is posted to a virtual DER that the devices are added to
meanwhile.
"""
DEFAULT = {"opModMaxLimW": 9000}
CURVE = [word for point in ("92,30", "98,0", "102,0", "108,-30") for word in ("--point", point)]


def arguments(base: dict[str, int]) -> list[str]:
    """Return a DERControlBase of modes in hundredths of a percent as arguments of the operator's commands."""
    return [f"{mode}={value / 100:g}%" for mode, value in base.items()]


def run(server: Server, clients: list[RealClient]) -> dict[str, str]:  # noqa: C901  (one step after the other)
    """Post all of EVENTS, as time goes by, and return their mRIDs by name.

    Most are posted from here, which is faster than the command line.
    """
    hrefs, mrids = {}, {}

    def record(name: str, control: dict[str, Any]) -> None:
        hrefs[name], mrids[name] = control["href"], control["mrid"]

    def post(name: str, wait: int, duration: int, to: str = STREET) -> None:
        record(name, dercontrols.post(to, EVENTS[name][1], duration, clock.now() + wait, description=name))

    def poll() -> None:
        for client in clients:
            client.poll()

    def await_responses(name: str, status: int) -> None:
        def responses() -> Any:
            return ResponseRecord.select().where(
                ResponseRecord.subject == mrids[name], ResponseRecord.status == status
            )

        def explanation() -> str:
            logs = [line for client in clients for line in client.log_of(mrids[name])]
            return "\n".join([f"{name}: {status} only from {[r.lfdi for r in responses()]}", *logs])

        # On a busy machine a client may be late by a poll or two.
        until(lambda: responses().count() == len(clients), 90, why=explanation)

    server.operator("control", "curve", STREET, "--type", "opModVoltVar", "--y-ref-type", "3", *CURVE)
    lasting = ("cancelled", "superseded", "outranked")
    for name in lasting:
        post(name, 0, 300)
    post("cancelled before", 600, 300)
    record(
        "followed",
        server.operator(
            "control",
            "post",
            STREET,
            *arguments(EVENTS["followed"][1]),
            "--start",
            "+4s",
            "--duration",
            "12s",
            "--description",
            "followed",
        ),
    )
    for name in ("curve", "envelope"):
        post(name, 3, 12)
    poll()
    for name in lasting:
        await_responses(name, 2)
    server.operator("control", "cancel", hrefs["cancelled"])
    dercontrols.cancel(hrefs["cancelled before"])
    post("newer", 2, 12)
    poll()
    # A client that discovers anew forgets for a moment which devices it has, and then rejects what begins.
    await_responses("newer", 2)
    members = [word for client in clients for word in ("--member", client.lfdi)]
    server.operator("vder", "create", HOME, "--parent", STREET, *members)
    for client in clients:
        client.rediscover()
    post("nearer", 2, 12, HOME)
    poll()
    for name, (statuses, _) in EVENTS.items():
        await_responses(name, statuses[-1])
    return mrids
