"""`vder`: virtual DERs, their members, programs and defaults.

What computes with the whole fleet is imported where it is used: `vder list` does without.
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypedDict

from server.errors import BadArgument
from server.grid.controls.results import DerDefault
from server.grid.dispatch.results import OrderBounds
from server.grid.flexibility.results import CapabilityNow, CapabilitySteps, EquivalentDer, VderStatus
from server.grid.groups import memberfiles, splitting
from server.grid.groups import virtualders as groups
from server.grid.groups.membershipwork import Progress
from server.grid.groups.results import ConflictRow, MemberRow, MembersImport, SplitVder, VderDetails, VderRow
from server.grid.series.results import ForecastRow
from server.models.pages import Pages
from server.operations import orderedpower, progress
from server.operations.declaration import NO_PAIRS, Arg, DryRun, Group, Role, UploadedFile, VderName
from server.operators.approvals import WaitingApproval
from server.units import Fraction, Instant, Seconds, WattHours, Watts

vder = Group("vder", """
    Group DERs into virtual DERs. VDER is a name or number.

    Members come by a rule over labels, such as "kind = ev_charger and feeder = F12", by list, or from the
    virtual DERs below it.
    """)
GROUPS = (vder,)
QUANTILES = {"0.5": "p50", "0.9": "p90"}
MIN_STEP_S, MAX_STEPS = 60, 1000


class CapabilityRow(TypedDict):
    """What a virtual DER can do now, as in `CapabilityNow`; `depth` is 0 at the top."""
    name: str
    depth: int
    members: int
    online: int
    stale: int
    unrated: int
    rated_inject_w: Watts
    rated_absorb_w: Watts
    injection_w: Watts
    up_w: Watts
    down_w: Watts
    capacity_wh: WattHours
    up_wh: WattHours
    down_wh: WattHours
    soc: Fraction | None


class VderWithCapability(VderDetails):
    """A virtual DER with its members, its default, the members by mode, what members of it and its children
    can do by set points, and what an order can promise, within limits."""
    modes: dict[str, int]
    capability: list[CapabilityRow]
    orders: OrderBounds


class DeletedVder(TypedDict):
    deleted: str


@vder.operation("create", role=Role.OPERATOR, in_parts=True)
def create(
    name: str,
    *,
    rule: Annotated[str, Arg("Its members: a condition on labels, kind and name.")] = "",
    members: Annotated[Sequence[str], Arg("A device that is a member by name.", option="member")] = (),
    parent: Annotated[str | None, Arg("The virtual DER it belongs to.")] = None,
    primacy: Annotated[int | None, Arg(
        "0 is strongest, 255 weakest; one stronger than its parent's if not given.")] = None,
    purpose: Annotated[str, Arg("topology, programme, provider, kind, …")] = "",
    import_limit_w: Annotated[Watts | None, Arg(
        "The most that its members may consume together.", least=0)] = None,
    export_limit_w: Annotated[Watts | None, Arg(
        "The most that its members may inject together.", least=0)] = None,
) -> VderDetails:
    """Make a virtual DER and publish its DERProgram to its members.

    They join some at a time, so that others wait for none of them; the worker goes on if this is ended.
    """
    return groups.create(name, rule=rule, members=members, parent=parent, primacy=primacy, purpose=purpose,
                         import_limit_w=import_limit_w, export_limit_w=export_limit_w, progress=_progress())


def _progress() -> Progress:
    return partial(progress.report, "joining and leaving")


@vder.operation("split", role=Role.OPERATOR, in_parts=True)
def split(
    vder: VderName, *, label: Annotated[str, Arg(
        "A label that its members have, or kind, name, lfdi, sfdi, manager.", option="by")] = "kind"
) -> SplitVder:
    """Make a child for each value that its members have of a label.

    Where members of several kinds are dispatched by the same mode, each is sent a control of its own;
    children of one kind are sent one together.
    """
    return splitting.split(vder, label, _progress())


@vder.operation("list", role=Role.VIEWER, in_subtree=True)
def list_vders(
    *, single: Annotated[bool, Arg("Also those of single devices, which per-device orders make.")] = False
) -> Iterator[VderRow]:
    """List the tree of virtual DERs."""
    return groups.list_vders(single)


@vder.operation("show", role=Role.VIEWER, in_subtree=True)
def show(vder: VderName) -> VderWithCapability:
    """Show a virtual DER with its members, its default and what it can do now."""
    from server.grid.dispatch import orderbounds
    from server.grid.flexibility import capability as capabilities
    total = capabilities.capability(vder)
    return {**groups.show(vder), "modes": total["modes"], "capability": list(_rows(total)),
            "orders": orderbounds.bounds(vder, total["rated_inject_w"] + total["rated_absorb_w"])}


def _rows(node: CapabilityNow, depth: int = 0) -> Iterator[CapabilityRow]:
    """The capability of a virtual DER and those below it, a row each; powers in W, injection positive."""
    row: Any = {key: value for key, value in node.items() if key in CapabilityRow.__annotations__}
    row["depth"] = depth
    yield row
    for child in node["children"]:
        yield from _rows(child, depth + 1)


@vder.operation("update", role=Role.OPERATOR, in_parts=True)
def update(
    vder: VderName,
    *,
    name: Annotated[str | None, Arg("Another name.")] = None,
    rule: Annotated[str | None, Arg("Another rule; empty for none.")] = None,
    parent: Annotated[str | None, Arg("Another parent; empty for the top.")] = None,
    primacy: Annotated[int | None, Arg("Another primacy.")] = None,
    purpose: Annotated[str | None, Arg("Another purpose.")] = None,
    import_limit_w: Annotated[Watts | None, Arg(
        "Another limit on what its members consume together; inf for none.", least=0, most=math.inf)] = None,
    export_limit_w: Annotated[Watts | None, Arg(
        "Another limit on what they inject together; inf for none.", least=0, most=math.inf)] = None,
    add: Annotated[Sequence[str], Arg("Put a device in by name.", metavar="DEVICE")] = (),
    remove: Annotated[Sequence[str], Arg("Take out a device that is in by name.", metavar="DEVICE")] = (),
) -> VderDetails:
    """Change a virtual DER; members join and leave some at a time, as when one is made."""
    return groups.update(vder, name=name, rule=rule, parent=parent, primacy=primacy, purpose=purpose, add=add,
                         remove=remove, import_limit_w=import_limit_w, export_limit_w=export_limit_w,
                         progress=_progress())


@vder.operation("delete", role=Role.OPERATOR, in_parts=True,
                confirm="Delete {vder}, its program and its members' assignments to it?")
def delete(
    vder: VderName,
    *,
    force: Annotated[bool, Arg("Even while it has controls that are scheduled or active.")] = False,
) -> DeletedVder:
    """Remove a virtual DER, its program and its members' assignments to it.

    Members leave some at a time, as they join; the worker goes on if this is ended.
    """
    groups.delete(vder, force, _progress())
    return {"deleted": vder}


@vder.operation("default", role=Role.OPERATOR, power=orderedpower.of_default)
def default(
    vder: VderName,
    modes: Annotated[Mapping[str, str], Arg(metavar="[MODE=VALUE]...")] = NO_PAIRS,
    *,
    also: Annotated[Mapping[str, str], Arg(
        "An element of DefaultDERControl itself, such as setGradW=1%/s.")] = NO_PAIRS,
    clear: Annotated[bool, Arg("Remove the default.")] = False,
) -> DerDefault | WaitingApproval:
    """Show or set the DefaultDERControl: MODE=VALUE …, as with `control post`."""
    from server.grid.controls import defaultcontrols
    from server.operations import elementvalues
    if clear:
        defaultcontrols.clear_default(vder)
    elif modes or also:
        defaultcontrols.set_default(
            vder, elementvalues.data("DERControlBase", modes), elementvalues.data("DefaultDERControl", also)
        )
    return defaultcontrols.show_default(vder)


@vder.operation("status", role=Role.VIEWER, in_subtree=True)
def status(
    vder: VderName,
    *,
    equivalent_der: Annotated[bool, Arg(
        "As the documents of one equivalent DER: ratings, settings, status, availability.")] = False,
) -> VderStatus | EquivalentDer:
    """Show members in contact, readings, state of charge, orders in effect, and members left out."""
    from server.grid.flexibility import equivalentder
    from server.grid.flexibility import status as groupstatus
    return equivalentder.equivalent_der(vder) if equivalent_der else groupstatus.status(vder)


@vder.operation("capability", role=Role.VIEWER, in_subtree=True)
def capability(
    vder: VderName,
    *,
    start: Annotated[Instant | None, Arg("Beginning of the first step; now if not given.")] = None,
    horizon_s: Annotated[Seconds, Arg("How far ahead.")] = 86400,
    step_s: Annotated[Seconds, Arg("How long each step is.")] = 900,
    quantile: Annotated[Literal["0.5", "0.9"], Arg(
        "0.5: what can be expected, 0.9: what can be counted on nine times of ten.")] = "0.5",
) -> CapabilitySteps:
    """Show what it could do in each step: W above (up) and below (down) the baseline, Wh, for how long."""
    if not MIN_STEP_S <= step_s <= horizon_s or horizon_s // step_s > MAX_STEPS:
        possible = f"1 to {MAX_STEPS} steps of at least a minute are possible"
        raise BadArgument("step_s", f"{step_s} s in {horizon_s} s: {possible}")
    from server.grid.flexibility import blockpowers
    from server.grid.flexibility import capability as capabilities
    from server.grid.flexibility import rollup
    ahead = capabilities.horizon(vder, start, horizon_s // step_s, step_s / 3600)
    column = QUANTILES[quantile]
    return {
        "name": ahead["name"],
        "members": ahead["members"],
        "ramp_w_per_s": ahead["ramp_w_per_s"],
        "unknown_up_w": ahead["unknown_up_w"],
        "unknown_down_w": ahead["unknown_down_w"],
        "warnings": ahead["warnings"],
        "quantile": float(quantile),
        "blocks": ahead["offers"],
        "together": blockpowers.in_words(ahead["offers"]),
        "steps": list(rollup.rows(ahead, column)),
        "children": [
            {"name": child["name"], "members": child["members"], **rollup.step_row(child, column, 0)}
            for child in ahead["children"]
        ],
    }


@vder.operation("forecast", role=Role.VIEWER, in_subtree=True)
def forecast(
    vder: VderName, *, horizon_s: Annotated[Seconds, Arg("How far ahead.")] = 86400
) -> list[ForecastRow]:
    """Show the expected load, PV, thermal load and EV charging, in W, injection positive.

    Each has the quantiles 0.1, 0.5 and 0.9.
    """
    from server.grid.series import forecasts
    return forecasts.table(vder, horizon_s)


members = vder.group(
    "members", "Put devices into a virtual DER by name. DEVICE is an LFDI, SFDI, number or name.")


@members.operation("list", role=Role.VIEWER, in_subtree=True)
def list_members(vder: VderName) -> Pages[MemberRow]:
    """List the members, and whether they are in by name or by a rule or child."""
    return memberfiles.list_members(vder)


@members.operation("add", role=Role.OPERATOR, in_parts=True)
def add(vder: VderName, devices: Annotated[Sequence[str], Arg(metavar="DEVICE...")]) -> list[MemberRow]:
    """Put devices in by name."""
    return memberfiles.add(vder, devices, _progress())


@members.operation("remove", role=Role.OPERATOR, in_parts=True, confirm="Take {devices} out of {vder}?")
def remove(vder: VderName, devices: Annotated[Sequence[str], Arg(metavar="DEVICE...")]) -> list[MemberRow]:
    """Take out devices that are in by name."""
    return memberfiles.remove(vder, devices, _progress())


@members.operation("import", role=Role.OPERATOR, in_parts=True)
def load(
    vder: VderName, file: Annotated[UploadedFile, Arg(metavar="CSV")], *, dry_run: DryRun = False
) -> MembersImport:
    """Put the devices of a CSV file in by name: all of them or, if a line is wrong, none.

    Its columns are device and, where wanted, name, kind and labels ("feeder=F12 phase=a"), which the device
    gets too.
    """
    return memberfiles.load(vder, file.text(), file.name, dry_run, _progress())


@members.operation("validate", role=Role.VIEWER)
def validate(area: Annotated[str | None, Arg(metavar="AREA")] = None) -> list[ConflictRow]:
    """List the devices of an area (or of all) that would be dispatched through more than one virtual DER.

    Each device is dispatched through the deepest virtual DER that it is in. An area where that is not one for
    every device cannot be balanced automatically.
    """
    return memberfiles.validate(area)
