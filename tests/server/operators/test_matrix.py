"""Every operation, by every role, on one's own part of the tree and on somebody else's.

WITHIN is the table: what is asked of each operation that may be done with rights in a part of the tree. An
operation that is not in it has to be refused there, so one that is forgotten fails here as soon as it is
allowed.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from server import alarms, operations
from server.devices import enrolment, lastcontact
from server.errors import Refused
from server.grid.balance import plans
from server.grid.controls import dercontrols, drevents, messages
from server.grid.fleet import contracts, participation
from server.grid.groups import powerlimits, virtualders
from server.grid.series import signals
from server.models import Approval, Document
from server.operations.declaration import Operation
from server.operators import authorisation
from server.operators.principals import Principal
from server.operators.roles import ORDER, Role
from tests import peers, prepared
from tests.conftest import NOON, on_sqlite
from tests.ordered import create_order
from tests.test_docs import ROOT

ALL = {operation.name: operation for name in operations.MODULES
       for operation in operations.load(name).walk()}
# The values of each, for a part {vder} of the tree with a device {device}; of what is asked by number or href
# there is one of each kind in either part.
WITHIN: dict[str, dict[str, Any]] = {
    "device list": {}, "device show": {"device": "{device}"}, "device alarms": {"vder": "{vder}"},
    "device log": {"device": "{device}"},
    "vder list": {"single": True}, "vder show": {"vder": "{vder}"}, "vder status": {"vder": "{vder}"},
    "vder capability": {"vder": "{vder}"}, "vder forecast": {"vder": "{vder}"},
    "vder members list": {"vder": "{vder}"},
    "map": {"vder": "{vder}"},
    "control post": {"vder": "{vder}", "modes": {"opModConnect": "yes"}, "duration_s": 60},
    "control list": {"vder": "{vder}"}, "control show": {"control": "{control}"},
    "control cancel": {"control": "{control}"},
    "dispatch order": {"vder": "{vder}", "limit_percent": 40.0, "duration_s": 60},
    "dispatch list": {"vder": "{vder}"}, "dispatch show": {"order": "{order}"},
    "dispatch shares": {"order": "{order}"}, "dispatch extend": {"order": "{order}", "duration_s": 60},
    "dispatch cancel": {"order": "{order}"}, "stop list": {},
    "dr event create": {"vder": "{vder}", "duty": 50.0, "duration_s": 60, "categories": ["thermostat"]},
    "dr event cancel": {"event": "{event}"},
    "message send": {"vder": "{vder}", "text": "storm", "duration_s": 60},
    "message cancel": {"message": "{message}"},
    "stop order": {"vder": "{vder}"}, "resume": {"vder": "{vder}"},
    "trace": {"device": "{device}"},
    "dr event list": {"vder": "{vder}"}, "dr event show": {"event": "{event}"},
    "message list": {"vder": "{vder}"}, "message show": {"message": "{message}"},
    "ev sessions": {"vder": "{vder}"},
    "signal show": {"area": "{vder}"}, "forecast show": {"vder": "{vder}"},
    "history show": {"vder": "{vder}"},
    "opt-out set": {"device": "{device}"}, "opt-out list": {}, "opt-out clear": {"device": "{device}"},
    "contract show": {"device": "{device}"}, "contract list": {}, "contract blocks": {},
    "plan areas": {}, "plan list": {"area": "{vder}"}, "plan show": {"number": "{plan}"},
    "plan diff": {"first": "{plan}", "second": "{plan}"},
    "responses": {"device": "{device}"}, "readings": {"device": "{device}"},
    "report calls": {"vder": "{vder}"}, "report bill": {"vder": "{vder}"},
    "report nonresponders": {"vder": "{vder}"},
    "baseline compute": {"name": "{device}", "start": NOON - 3600, "end": NOON},
    "baseline show": {"order": "{order}"},
    "clock show": {}, "certificate list": {},
    "approval list": {}, "approval limits": {}, "approval approve": {"number": "{approval}"},
    "approval reject": {"number": "{approval}"},
}
# The same without a name lists all that is visible.
OPTIONAL = {name for name, values in WITHIN.items()
            if {"vder", "area"} & values.keys() and not any(
                argument.required for argument in ALL[name].arguments)} | {"responses"}
# Refused with one's own too, for reasons of their own.
NOT_NOW = {"report bill": "price", "resume": "stopped", "approval approve": "cannot be done any more"}
PLAN = {**{name: [] for name in ("dispatch_groups", "names", "kind", "group", "power", "energy", "exceeded")},
        **{name: [0.0] * 4 for name in ("imbalance", "before", "net", "curtailed")}}
INVERTER = {"modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}
Part = Mapping[str, Any]


def make_town(peer: Callable[[int], peers.Peer]) -> None:
    """Make a town of two providers, each with something of everything."""
    virtualders.create("town")
    for number, (vder, device) in enumerate((("north", "norbert"), ("south", "suleika")), 1):
        enrolment.enrol(peers.lfdi(number), name=device, labels={"lat": "48.1", "lon": "16.3"})
        assert peer(number).put(f"/edev/{number}/der/1/dercap", "DERCapability", INVERTER).status == 204
        virtualders.create(vder, parent="town", members=[device])
        contracts.set_block(device, f"{device} pump", "load", {"power_w": 100.0})
        participation.set_contract(device, max_events=5)
        lastcontact.flush()
        create_order(vder, 600, limit=50.0)
        dercontrols.post(vder, {"opModConnect": True}, 600, NOON + 3600)
        drevents.create(vder, {"DutyCycle": {"normalValue": 50}}, 600, category=1)
        messages.send(vder, f"{vder} storm", 600)
        signals.put(vder, "imbalance", [1000.0] * 96, NOON, 900)
        plans.save(plans.balance_of(virtualders.find(vder)).vder, NOON, 900, PLAN, requested_by=vder)
        powerlimits.put(vder, 1e6)
        Approval.create(vder=virtualders.find(vder), operation="control post", power_w=2e6, limit_w=1e6,
                        arguments={"vder": vder, "modes": {}, "duration_s": 60}, requested_by=vder,
                        signed_in=False, requested_at=NOON, valid_until=NOON + 900)
        alarms.raise_alarm("untimely reading", f"device {number}", device)
    create_order("town", 600, NOON + 30, limit=60.0)
    for device in ("norbert", "suleika"):
        participation.opt_out(device)


def href(kind: str, vder: str) -> str:
    number = virtualders.find(vder).id
    return str(Document.get((Document.kind == kind) & (Document.audience == f"vder:{number}")).href)


def part(vder: str, device: str, number: int) -> Part:
    return {"vder": vder, "device": device, "order": number, "plan": number,
            "approval": number,
            "control": href("DERControl", vder), "event": href("EndDeviceControl", vder),
            "message": href("TextMessage", vder)}


@pytest.fixture
def town(peer: Callable[[int], peers.Peer]) -> dict[str, Part]:
    """Two providers' parts of a town."""
    prepared.begin_with("town", lambda: make_town(peer))
    return {"north": part("north", "norbert", 1), "south": part("south", "suleika", 2)}


def filled(value: Any, of_part: Part) -> Any:
    if isinstance(value, dict):
        return {key: filled(item, of_part) for key, item in value.items()}
    name = re.fullmatch(r"\{(\w+)\}", value) if isinstance(value, str) else None
    return of_part[name[1]] if name else value


def do(principal: Principal, operation: Operation, values: Mapping[str, Any]) -> str:
    """Do it as an interface does, and return the text of all that comes back."""
    with authorisation.acting(principal):
        authorisation.check(principal, operation, values)
        result = operation.run(values)
    if not isinstance(result, dict) and hasattr(result, "__iter__"):
        result = list(result)  # after the call, as an interface that streams it
    return json.dumps(result, default=str)


def of_the_north(role: Role) -> Principal:
    return Principal("nora", role, virtualders.find("north"))


def documented() -> Iterator[tuple[str, Role, bool]]:
    """The name and role of each operation, and whether it may be done in a part, as people read it."""
    for text in (ROOT / "docs/operations.md").read_text().split("\n## ")[1:]:
        role = re.search(r"^Role: (\w+)\.( Also within a part of the tree\.)?", text, re.MULTILINE)
        assert role, text
        yield text.partition("\n")[0], Role(role[1]), bool(role[2])


DOCUMENTED = list(documented())


def test_each_operation_is_in_the_reference_and_what_is_allowed_in_a_part_is_in_the_table() -> None:
    assert {name for name, _, _ in DOCUMENTED} == set(ALL)
    assert {name for name, _, within in DOCUMENTED if within} == set(WITHIN)


@on_sqlite
@pytest.mark.parametrize("role", Role)
def test_every_operation_by_every_role(town: dict[str, Part], role: Role) -> None:
    """With rights everywhere the role decides; with rights in a part, the table too."""
    for name, needed, within in DOCUMENTED:
        for principal in (Principal("tom", role, None), of_the_north(role)):
            allowed = ORDER.index(role) >= ORDER.index(needed) and (within or principal.subtree is None)
            with authorisation.acting(principal):
                if allowed:
                    authorisation.check(principal, ALL[name], {})
                else:
                    with pytest.raises(Refused) as refused:
                        authorisation.check(principal, ALL[name], {})
                    assert refused.value.status == 403, name


# What is said of the south, of the town above and of its order; by name and by number of the device.
FOREIGN = re.compile(
    rf"south(?!\": [-0-9])|suleika|town|{peers.lfdi(2)}|/edev/2\b|/derp/3\b|device 2\b", re.IGNORECASE)


@on_sqlite
@pytest.mark.parametrize("name", WITHIN)
def test_ones_own_part_is_all_there_is(town: dict[str, Part], name: str) -> None:
    values = filled(WITHIN[name], town["north"])
    nora = of_the_north(ALL[name].role)
    if name in NOT_NOW:
        with pytest.raises(Refused, match=NOT_NOW[name]) as refused:
            do(nora, ALL[name], values)
        assert not FOREIGN.search(refused.value.why)
        return
    assert not FOREIGN.search(do(nora, ALL[name], values))
    if name in OPTIONAL:
        whole, all_of_it = do(nora, ALL[name], {}), do(Principal("tom", ALL[name].role, None), ALL[name], {})
        assert not FOREIGN.search(whole)
        assert FOREIGN.search(all_of_it) or all_of_it == "[]", "there is nothing foreign to be hidden"


@on_sqlite
@pytest.mark.parametrize("name", [name for name, values in WITHIN.items() if "'{" in str(values)])
def test_somebody_elses_part_is_not_there(town: dict[str, Part], name: str) -> None:
    """It is answered as what does not exist, and by as many words."""
    values = filled(WITHIN[name], town["south"])
    for role in ORDER[ORDER.index(ALL[name].role):]:
        with pytest.raises(Refused) as refused:
            do(of_the_north(role), ALL[name], values)
        asked = "|".join(map(re.escape, map(str, town["south"].values())))
        assert refused.value.status == 404 and not FOREIGN.search(re.sub(asked, "", refused.value.why))


@on_sqlite
@pytest.mark.parametrize("name", ["device list", "vder list", "dispatch list", "contract list",
                                  "contract blocks", "opt-out list", "plan list", "signal show"])
def test_what_is_listed_is_counted_without_what_is_hidden(town: dict[str, Part], name: str) -> None:
    with authorisation.acting(of_the_north(Role.VIEWER)):
        result = ALL[name].run({})
    assert len(list(result)) == 1 and (not hasattr(result, "__len__") or len(result) == 1)


@on_sqlite
@pytest.mark.parametrize("role", Role)
def test_the_pin_of_a_device_is_for_administrators(town: dict[str, Part], role: Role) -> None:
    tom = Principal("tom", role, None)
    device, document = do(tom, ALL["device show"], {"device": "norbert"}), {"href": "/edev/1/rg"}
    if role is Role.ADMINISTRATOR:
        assert re.search(r'"pin": "\d{6}"', device) and "pIN" in do(tom, ALL["resource get"], document)
        return
    assert '"pin": null' in device
    for values in (document, {**document, "as_device": "norbert"}):
        with pytest.raises(Refused, match="PIN of a device, which is for administrators"):
            do(tom, ALL["resource get"], values)


@on_sqlite
def test_what_is_stopped_elsewhere_and_devices_there_are_not_told_of(town: dict[str, Part]) -> None:
    tom, nora = Principal("tom", Role.OPERATOR, None), of_the_north(Role.OPERATOR)
    do(tom, ALL["stop order"], {"vder": "south"})
    do(nora, ALL["stop order"], {"vder": "north"})
    do(nora, ALL["resume"], {"vder": "north"})
    with pytest.raises(Refused, match="north is not stopped; nothing is"):
        do(nora, ALL["resume"], {"vder": "north"})
    with pytest.raises(Refused) as refused:
        do(nora, ALL["trace"], {"device": peers.lfdi(2)})
    assert refused.value.status == 404
    assert do(nora, ALL["trace"], {"device": peers.lfdi(1)})
