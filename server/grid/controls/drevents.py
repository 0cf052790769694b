"""EndDeviceControls of a virtual DER's DemandResponseProgram: create, list, show, cancel.

An action is in the standard's words: `{"Offset": {"heatingOffset": 20}}`, `SetPoint`, `DutyCycle`,
`TargetReduction`, `ApplianceLoadReduction`. With `forward` (loadShiftForward) it is meant to use more, ahead
of time.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from server import audit
from server.errors import Refused
from server.grid.controls import conflicts, dercontrols, responses
from server.grid.groups import drprograms, virtualders
from server.models import Device, Document, VirtualDER
from server.resources import codec, sql, store, table
from server.resources.dryrun import RolledBack

ACTIONS = ("Offset", "SetPoint", "DutyCycle", "TargetReduction", "ApplianceLoadReduction")
_APPLIED = (*ACTIONS, "AppliedTargetReduction")
_OPTED_OUT, _OPTED_IN, _PARTLY_OUT, _NOT_TAKEN = 4, 5, 8, 10


@audit.audited("dr event create", "{vder} {href}", answer=dict)
def create(
    vder: str | int | VirtualDER,
    action: Mapping[str, Any],
    duration: int,
    start: int | None = None,
    *,
    category: int | None = None,
    forward: bool = False,
    mandatory: bool = False,
    override: int = 0,
    randomize_start: int = 0,
    randomize_duration: int = 0,
    description: str = "",
    response_required: int = 7,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Post an EndDeviceControl for the members of a virtual DER that are of a category (DeviceCategoryType
    bits; default: every kind of load among those that understand demand response).

    `override` is for how many seconds a customer may override it and still count as having taken part; for
    the other arguments see `controls.post`. With `dry_run` it is taken back again, and the answer has the
    XML.
    """
    found = virtualders.find(vder)
    try:
        with store.transaction():
            said = dercontrols.event_fields(
                duration, start, randomize_start, randomize_duration, description, response_required
            )
            categories = _categories(found)
            wanted = category if category is not None else sum({bit for bits in categories.values()
                                                                for bit in _bits(bits & drprograms.LOADS)})
            if not wanted:
                raise Refused(
                    409, f"no member of {found.name} understands demand response: say for which category"
                )
            document = publish(
                found,
                {
                    **_actions(action),
                    **said,
                    "deviceCategory": f"{wanted:08X}",
                    "drProgramMandatory": mandatory,
                    "loadShiftForward": forward,
                    **({"overrideDuration": override} if override else {}),
                },
            )
            meant = sum(bool(bits & wanted) for bits in categories.values())
            warnings = [*([] if meant else [f"no member of {found.name} says that it is of this category"]),
                        *conflicts.event_conflicts(found, document, drprograms.href)]
            answer = {**describe(document), "vder": found.name, "meant": meant, "warnings": warnings}
            if dry_run:
                raise RolledBack({**answer, "dry_run": True, "xml": [dercontrols.xml(document)]})
    except RolledBack as taken:
        return taken.answer
    return {**answer, "dry_run": False}


def _actions(action: Mapping[str, Any]) -> dict[str, Any]:
    if not action or not set(action) <= set(ACTIONS):
        raise Refused(400, f"an EndDeviceControl asks for one or more of {', '.join(ACTIONS)}")
    return dict(action)


def publish(vder: VirtualDER, data: Mapping[str, Any]) -> Document:
    """Add an EndDeviceControl to a virtual DER's program, which it is given if it has none yet."""
    if store.get(drprograms.href(vder)) is None:
        drprograms.publish(vder, make=True)
        drprograms.reconcile(virtualders.members(vder))
    document = _event(store.add("EndDeviceControl", f"{drprograms.href(vder)}/edc", dict(data)))
    codec.decode(codec.wrap(document.kind, document.body))
    return document


def _bits(bitmap: int) -> list[int]:
    return [1 << place for place in range(32) if bitmap >> place & 1]


def _categories(vder: VirtualDER) -> dict[str, int]:
    """By LFDI, the deviceCategory of each member that understands demand response."""
    devices = {device.id: device.lfdi for device in virtualders.members(vder)}
    understood = drprograms.supporting_devices(virtualders.members(vder))
    return {devices[number]: bits for number, bits in understood.items()}


def list_events(vder: str | int | VirtualDER | None = None, ended: bool = False) -> list[dict[str, Any]]:
    """The EndDeviceControls of a virtual DER, or of all, in the order of their lists; those over when asked
    for."""
    if store.due():
        store.refresh()
    found = VirtualDER.select().order_by(VirtualDER.id) if vder is None else [virtualders.find(vder)]
    return [{**describe(document), "vder": one.name} for one in found
            for document in store.items(f"{drprograms.href(one)}/edc", ended)]


def show(href: str) -> dict[str, Any]:
    """An EndDeviceControl with its XML, and what each member that it is meant for answered and did.

    `answer` is the word for the last that it said; `opted_out` whether it is out of it now, `overrode_s` for
    how long it has been by its own account, `applied` what it said it did.
    """
    if store.due():
        store.refresh()
    document = _event(href)
    owner = _owner(document)
    mrid, wanted = document.submitted["mRID"], int(document.submitted["deviceCategory"] or "0", 16)
    meant = {lfdi for lfdi, bits in _categories(owner).items() if bits & wanted}
    answers = _answers(mrid)
    said = responses.latest_responses({(lfdi, mrid) for lfdi in meant | answers.keys()})
    names = {
        device.lfdi: device.name for device in Device.select().where(Device.lfdi.in_(meant | answers.keys()))
    }
    devices = [
        {
            "lfdi": lfdi,
            "name": names.get(lfdi, ""),
            "answer": said.get((lfdi, mrid), responses.NO_RESPONSE),
            **_outcomes(answers.get(lfdi, [])),
        }
        for lfdi in sorted(meant | answers.keys())
    ]
    return {
        **describe(document),
        "vder": owner.name,
        "answers": dict(Counter(each["answer"] for each in devices)),
        "devices": devices,
        "xml": dercontrols.xml(document),
    }


def _answers(mrid: str) -> dict[str, list[dict[str, Any]]]:
    """What was said of an event, by LFDI, in the order in which it came to be."""
    found: dict[str, list[dict[str, Any]]] = {}
    for lfdi, stated in sql.rows(
        "SELECT response_record.lfdi, submitted FROM response_record JOIN document USING (href) "
        "WHERE subject = ? ORDER BY created_at, received_at, href",
        mrid,
    ):
        found.setdefault(lfdi, []).append(Document.submitted.python_value(stated))
    return found


def _outcomes(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """What a device did of an event, by its answers in order. Pure."""
    out, overrode, applied = False, None, None
    for said in answers:
        status = said.get("status")
        out = status in (_OPTED_OUT, _PARTLY_OUT, _NOT_TAKEN) or out and status != _OPTED_IN
        overrode = said.get("overrideDuration", overrode)
        applied = {key: said[key] for key in _APPLIED if key in said} or applied
    return {"opted_out": out, "overrode_s": overrode, "applied": applied}


def _state(href: str) -> dict[str, Any]:
    return describe(_event(href))


@audit.audited("dr event cancel", "{href}", state=_state, answer=dict)
def cancel(
    href: str, at: int | None = None, randomized: bool = False, reason: str | None = None
) -> dict[str, Any]:
    """Cancel an EndDeviceControl now, or from a later instant on. Refused (409) where it is over or
    cancelled."""
    with store.transaction():
        dercontrols.call_off(_event(href), at, randomized, reason)
        return describe(_event(href))


def describe(document: Document) -> dict[str, Any]:
    """An EndDeviceControl in brief."""
    said = document.submitted
    bits = int(said["deviceCategory"] or "0", 16)
    return {
        **dercontrols.event_summary(document),
        "action": {name: said[name] for name in ACTIONS if name in said},
        "categories": [name for name, bit in drprograms.CATEGORIES.items() if bits & bit],
        "forward": said["loadShiftForward"],
        "mandatory": said["drProgramMandatory"],
        "override": said.get("overrideDuration", 0),
    }


def _owner(document: Document) -> VirtualDER:
    number = table.number(table.parent(document.parent))
    return VirtualDER.get(VirtualDER.program == table.rows["DERProgram"].href(program=number))


def _event(href: str) -> Document:
    document = store.get(href)
    if document is None or document.kind != "EndDeviceControl":
        raise Refused(404, f"there is no load control event {href}")
    return document
