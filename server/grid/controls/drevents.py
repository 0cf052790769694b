"""EndDeviceControls of a virtual DER's DemandResponseProgram: create, list, show, cancel.

An action has the standard's name: `{"Offset": {"heatingOffset": 20}}`, `SetPoint`, `DutyCycle`,
`TargetReduction`, `ApplianceLoadReduction`. With `forward` (loadShiftForward) loads are to use more, ahead of
time.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from server import audit, scopes
from server.errors import Refused
from server.grid.controls import actionwords, conflicts, dercontrols, eventlisting, responses
from server.grid.controls.results import (CreatedDrEvent, DrDeviceRow, DrEventDetail, DrEventRow,
                                          DrEventSummary, DrOutcome)
from server.grid.fleet import blockcalls, contractchecks
from server.grid.groups import drprograms, virtualders
from server.models import Device, Document, VirtualDER, among
from server.resources import dryrun, refresh, render, sql, store, table
from server.resources.codes import DEVICE_RESPONSES, OPT_OUTS, DeviceCategory, ResponseStatus
from server.units import Instant, Seconds

ACTIONS = ("Offset", "SetPoint", "DutyCycle", "TargetReduction", "ApplianceLoadReduction")
_TEMPERATURE = int(
    DeviceCategory.THERMOSTAT | DeviceCategory.STRIP_HEATER | DeviceCategory.BASEBOARD_HEATER
    | DeviceCategory.WATER_HEATER | DeviceCategory.SAUNA | DeviceCategory.HOT_TUB
    | DeviceCategory.SMART_APPLIANCE)
# Which loads can follow an action; the others follow every one.
_UNDERSTOOD_BY = {
    "Offset": _TEMPERATURE, "SetPoint": _TEMPERATURE,
    "ApplianceLoadReduction": int(DeviceCategory.SMART_APPLIANCE | DeviceCategory.WATER_HEATER)}
# These control loads of any kind.
_MANAGERS = int(DeviceCategory.COMMERCIAL | DeviceCategory.ENERGY_MANAGEMENT | DeviceCategory.ENERGY_MODULE)
_APPLIED = (*ACTIONS, "AppliedTargetReduction")


@audit.audited("dr event create", "{vder} {href}", answer=dict)
def create(
    vder: str | int | VirtualDER,
    action: Mapping[str, Any],
    duration_s: Seconds,
    start: Instant | None = None,
    *,
    category: int | None = None,
    forward: bool = False,
    mandatory: bool = False,
    override_s: Seconds = 0,
    randomize_start: Seconds = 0,
    randomize_duration: Seconds = 0,
    description: str = "",
    response_required: int = DEVICE_RESPONSES,
    dry_run: bool = False,
) -> CreatedDrEvent:
    """Post an EndDeviceControl for the members of a virtual DER that are of a category.

    `category` has DeviceCategoryType bits (default: every kind of load among the members that support
    demand response). `override_s` is how long a customer may override the event and still count as having
    taken part. For the other arguments see `dercontrols.post`. With `dry_run` the event is rolled back, and
    the result has its XML. Refused (409) where no member supports demand response, or where the contract of a
    business does not allow it.
    """
    target = virtualders.find(vder)
    with dryrun.transaction(dry_run):
        fields = dercontrols.event_fields(
            duration_s, start, randomize_start, randomize_duration, description, response_required
        )
        categories = _categories(target)
        bits = category if category is not None else _loads_among(categories.values())
        if not bits:
            raise Refused(409, f"no member of {target.name} supports demand response: specify the category")
        data = {
            **_actions(action),
            **fields,
            "deviceCategory": f"{bits:08X}",
            "drProgramMandatory": mandatory,
            "loadShiftForward": forward,
        }
        if override_s:
            data["overrideDuration"] = override_s
        numbers = {device.id for device in among(
            Device.select(Device.id, Device.lfdi), Device.lfdi,
            (lfdi for lfdi, device_bits in categories.items() if device_bits & bits))}
        calls = contractchecks.calls_of_event(target, numbers, start, duration_s)
        document = publish(target, data)
        blockcalls.record(calls, None, dict.fromkeys(numbers, document.href))
        addressed = sum(bool(device_bits & bits) for device_bits in categories.values())
        warnings = conflicts.event_conflicts(target, document, drprograms.href)
        if not addressed:
            warnings = [f"no member of {target.name} reports this category", *warnings]
        else:
            reached = _loads_among(member_bits & bits for member_bits in categories.values())
            warnings = [*_not_understood(target.name, action, reached), *warnings]
        result: CreatedDrEvent = {
            **describe(document),
            "vder": target.name,
            "addressed": addressed,
            "warnings": warnings,
            "dry_run": dry_run,
        }
        if dry_run:
            result["xml"] = [dercontrols.xml(document)]
    return result


def _actions(action: Mapping[str, Any]) -> dict[str, Any]:
    if not action or not set(action) <= set(ACTIONS):
        raise Refused(400, f"an EndDeviceControl asks for one or more of {', '.join(ACTIONS)}")
    return dict(action)


def _not_understood(name: str, action: Mapping[str, Any], reached: int) -> list[str]:
    """Return a sentence for each action that no load of these DeviceCategoryType bits can follow."""
    return [
        f"no member of {name} that is addressed understands {part}: it is for "
        + ", ".join(short for short, category in drprograms.CATEGORIES.items() if category & understood)
        for part, understood in _UNDERSTOOD_BY.items()
        if part in action and not _is_percentage(action[part]) and not reached & (understood | _MANAGERS)
    ]


def _is_percentage(part: Mapping[str, Any]) -> bool:
    """Whether an Offset changes the load in percent, which every load understands."""
    return "loadAdjustmentPercentageOffset" in part


def publish(vder: VirtualDER, data: Mapping[str, Any]) -> Document:
    """Add an EndDeviceControl to a virtual DER's program and return it.

    The program is made where there is none yet.
    """
    if store.get(drprograms.href(vder)) is None:
        drprograms.create(vder)
        drprograms.reconcile(virtualders.members(vder))
    document = _event(store.add("EndDeviceControl", f"{drprograms.href(vder)}/edc", dict(data)))
    render.check(document)
    return document


def _loads_among(categories: Iterable[int]) -> int:
    """The DeviceCategoryType bits of loads that any of these categories has."""
    bits = 0
    for category in categories:
        bits |= category & drprograms.LOADS
    return bits


def _categories(vder: VirtualDER) -> dict[str, int]:
    """By LFDI, the deviceCategory of each member that supports demand response."""
    lfdis = {device.id: device.lfdi for device in virtualders.members(vder)}
    bits_of = drprograms.supporting_devices(virtualders.members(vder))
    return {lfdis[number]: bits for number, bits in bits_of.items()}


def list_events(
    vder: str | int | VirtualDER | None = None, ended: bool = False
) -> Iterator[DrEventRow]:
    """Return the EndDeviceControls of a virtual DER, or of all, in the order of their lists.

    Those that are over are included with `ended`.
    """
    events = eventlisting.of(vder, lambda owner: f"{drprograms.href(owner)}/edc", ended)
    return ({**describe(event), "vder": owner.name} for owner, event in events)


def show(href: str) -> DrEventDetail:
    """Return an EndDeviceControl with its XML, and what each device that it is for responded and did."""
    refresh.freshen(lists=[table.parent(href)])
    document = _event(href)
    owner = _owner(document)
    mrid, bits = document.submitted["mRID"], int(document.submitted["deviceCategory"] or "0", 16)
    submitted = _responses(mrid)
    lfdis = {lfdi for lfdi, device_bits in _categories(owner).items() if device_bits & bits}
    lfdis |= submitted.keys()
    answers = responses.latest_responses({(lfdi, mrid) for lfdi in lfdis})
    names = {device.lfdi: device.name for device in among(Device.select(), Device.lfdi, lfdis)}
    devices: list[DrDeviceRow] = [
        {
            "lfdi": lfdi,
            "name": names.get(lfdi, ""),
            "answer": answers.get((lfdi, mrid), responses.NO_RESPONSE),
            **_outcome(submitted.get(lfdi, [])),
        }
        for lfdi in sorted(lfdis)
    ]
    return {
        **describe(document),
        "vder": owner.name,
        "answers": dict(Counter(device["answer"] for device in devices)),
        "devices": devices,
        "xml": dercontrols.xml(document),
    }


def _responses(mrid: str) -> dict[str, list[dict[str, Any]]]:
    """By LFDI, the Responses to an event as they were submitted, in the order of their creation."""
    by_lfdi: dict[str, list[dict[str, Any]]] = {}
    for lfdi, submitted in sql.rows(
        "SELECT response_record.lfdi, submitted FROM response_record JOIN document USING (href) "
        "WHERE subject = ? ORDER BY created_at, received_at, href",
        mrid,
    ):
        by_lfdi.setdefault(lfdi, []).append(Document.submitted.python_value(submitted))
    return by_lfdi


def _outcome(submitted: list[dict[str, Any]]) -> DrOutcome:
    """What a device did in an event, by its Responses in order. Pure."""
    opted_out, overridden_s, applied = False, None, None
    for response in submitted:
        status = response.get("status")
        opted_out = status in OPT_OUTS or opted_out and status != ResponseStatus.OPTED_IN
        overridden_s = response.get("overrideDuration", overridden_s)
        applied = {key: response[key] for key in _APPLIED if key in response} or applied
    return {"opted_out": opted_out, "overridden_s": overridden_s, "applied": applied}


def _state(href: str) -> DrEventSummary:
    return describe(_event(href))


@audit.audited("dr event cancel", "{href}", state=_state, answer=dict)
def cancel(
    href: str, at: Instant | None = None, randomized: bool = False, reason: str | None = None
) -> DrEventSummary:
    """Cancel an EndDeviceControl now, or from the instant `at` on.

    Refused (409) where it is cancelled, superseded or over.
    """
    with store.transaction():
        dercontrols.cancel_event(_event(href), at, randomized, reason)
        blockcalls.end(at, events=[href])
        return describe(_event(href))


def describe(document: Document) -> DrEventSummary:
    """Return an EndDeviceControl in brief."""
    data = document.submitted
    bits = int(data["deviceCategory"] or "0", 16)
    action = {name: data[name] for name in ACTIONS if name in data}
    return {
        **dercontrols.event_summary(document),
        "action": action,
        "in_words": actionwords.in_words(action, data["loadShiftForward"]),
        "categories": [name for name, bit in drprograms.CATEGORIES.items() if bits & bit],
        "forward": data["loadShiftForward"],
        "mandatory": data["drProgramMandatory"],
        "override_duration_s": data.get("overrideDuration", 0),
    }


def _owner(document: Document) -> VirtualDER:
    number = table.number(table.parent(document.parent))
    return VirtualDER.get(VirtualDER.program == table.rows["DERProgram"].href(program=number))


def _event(href: str) -> Document:
    document = store.get(href)
    if document is None or document.kind != "EndDeviceControl" or not scopes.sees_audience(document.audience):
        raise Refused(404, f"there is no load control event {href}")
    return document
