"""`enrol` and `device`: who is enrolled.

What devices reported of themselves is imported where it is used: `device list` does without.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from server import scopes
from server.devices import aggregators, devicelabels, devicelogs, enrolment, names, selfreports
from server.errors import BadArgument
from server.grid.fleet import devicealarms
from server.grid.fleet.devicealarms import DeviceAlarmRow
from server.grid.fleet.results import DerRatings
from server.models import Device, Membership, VirtualDER, chunked
from server.models.devices import DEVICE_SORTS
from server.models.pages import Pages
from server.operations import bulkenrolment, enrolmentfiles
from server.operations.bulkenrolment import TOGETHER, Shared
from server.operations.declaration import NO_PAIRS, Arg, DeviceName, Group, Role, UploadedFile
from server.operations.progress import track
from server.operators import authorisation
from server.resources import hexbinary, store
from server.resources.variants import PROFILES
from server.units import Elements, Href, Instant, Lfdi, WattHours, Watts

enrol_group = Group("enrol")
device = Group("device", "Look at and change enrolled devices. DEVICE is an LFDI, SFDI, number or name.")
GROUPS = (enrol_group, device)
_PROFILES = f"Its own profile, one of {', '.join(PROFILES)}"


class DeviceRow(TypedDict):
    """A device as it is listed. `manager` is the LFDI of its aggregator, empty without one; `profile` is its
    own, empty for that of the server."""
    id: int
    name: str
    kind: str
    lfdi: Lfdi
    sfdi: int
    state: str
    labels: dict[str, str]
    manager: Lfdi
    profile: str
    last_contact_at: Instant | None


class EnrolledDevice(DeviceRow):
    """A device of a file; `warnings` if another has its name."""
    warnings: NotRequired[list[str]]


class DeviceDetails(DeviceRow):
    """A device with its registration, virtual DERs and what it has reported: of its DERs, as elements of the
    standard and in words, and by resource what it `says` of itself, its state, settings and loading."""
    href: Href
    pin: str | None
    enrolled_at: Instant
    certificate_ends_at: Instant | None
    virtual_ders: list[str]
    ders: list[DerRatings]
    says: dict[str, Elements]
    DERCapability: NotRequired[Elements]
    DERSettings: NotRequired[Elements]
    DERStatus: NotRequired[Elements]
    DERAvailability: NotRequired[Elements]
    reported_in_words: dict[str, list[str]]
    warnings: NotRequired[list[str]]


class RemovedDevice(TypedDict):
    removed: Lfdi


def row(device: Device) -> DeviceRow:
    """A device as it is listed."""
    return {
        "id": device.id,
        "name": device.name,
        "kind": device.kind,
        "lfdi": device.lfdi,
        "sfdi": device.sfdi,
        "state": device.state,
        "labels": device.labels,
        "manager": device.manager,
        "profile": device.profile,
        "last_contact_at": device.last_contact_at,
    }


def details(device: Device) -> DeviceDetails:
    """A device with everything known about it."""
    from server.grid.controls import modewords
    from server.grid.fleet import ratings
    href = enrolment.href(device)
    registration = store.get(f"{href}/rg")
    vders = scopes.vders(VirtualDER.select(VirtualDER.name).join(Membership).where(
        Membership.device == device).order_by(VirtualDER.id))
    reported: Any = {
        document.kind: hexbinary.comparable(document.submitted)
        for der in store.items(f"{href}/der")
        for document in store.items(der.href)
        if document.submitted
    }
    return {
        **row(device), "href": href,
        "pin": f"{registration.submitted['pIN']:06d}" if registration and authorisation.sees_pins() else None,
        "enrolled_at": device.enrolled_at, "certificate_ends_at": device.certificate_ends_at,
        "virtual_ders": [vder.name for vder in vders],
        "ders": ratings.ratings(device),
        "says": selfreports.of(href),
        **reported,
        "reported_in_words": {kind: modewords.in_words(kind, data) for kind, data in reported.items()},
    }


@enrol_group.operation("", role=Role.ADMINISTRATOR, in_parts=True)
def enrol(
    lfdi: str | None = None,
    *,
    pin: Annotated[int | None, Arg(
        "Registration PIN with its check digit; a new one is made if not given.")] = None,
    name: Annotated[str, Arg("A name for people.")] = "",
    kind: Annotated[str, Arg(f"One of {', '.join(names.KINDS)}.")] = "",
    labels: Annotated[Mapping[str, str], Arg(
        "A label for the rules of virtual DERs.", option="label")] = NO_PAIRS,
    manager: Annotated[str, Arg(
        "LFDI of the enrolled aggregator that acts for it.", option="aggregator")] = "",
    profile: Annotated[str, Arg(f"{_PROFILES}.")] = "",
    file: Annotated[UploadedFile | None, Arg(
        "Enrol all devices of a file: JSON, a list of objects with lfdi, pin, name, kind, labels, manager, "
        "profile, category, or CSV with these columns.",
        option="from")] = None,
    skip_enrolled: Annotated[bool, Arg(
        "Leave out devices of the file that are enrolled already, as after an interruption.")] = False,
) -> DeviceDetails | list[EnrolledDevice]:
    """Enrol a device by the LFDI of its certificate (or many, with `file`)."""
    if lfdi is not None and file is None:
        enrolled = enrolment.enrol(lfdi, pin, name, names.check_kind(kind), dict(labels), manager,
                                   profile=enrolment.check_profile(profile))
        return {**details(enrolled), "warnings": names.warnings(enrolled)}
    if lfdi is None and file is not None:
        rows: list[EnrolledDevice] = [{**row(device)} for device in bulkenrolment.enrol_file(
            file, Shared(kind, labels, manager, profile), skip_enrolled)]
        shared = names.shared({row["name"] for row in rows})
        for new in rows:
            if new["name"] in shared:
                new["warnings"] = [shared[new["name"]]]
        return rows
    raise BadArgument("lfdi", "specify either an LFDI or `file`")


@device.operation("list", role=Role.VIEWER, in_subtree=True)
def list_devices(
    *,
    kind: Annotated[str | None, Arg("Only this kind.")] = None,
    labels: Annotated[Mapping[str, str], Arg("Only those with this label.", option="label")] = NO_PAIRS,
    state: Annotated[Literal["enrolled", "suspended"] | None, Arg("Only those in this state.")] = None,
    limit: Annotated[int | None, Arg("The first so many.", least=1)] = None,
) -> Pages[DeviceRow]:
    """List devices."""
    query = scopes.devices(Device.select())
    if kind is not None:
        query = query.where(Device.kind.in_(names.kinds_meant(kind)))
    if state is not None:
        query = query.where(Device.state == state)
    for label, value in labels.items():
        query = query.where(devicelabels.condition(label, value))
    return Pages(query, Device.id, lambda devices: map(row, devices), limit, DEVICE_SORTS)


@device.operation("export-list", role=Role.ADMINISTRATOR, in_parts=True)
def export_list(
    *, pins: Annotated[bool, Arg("With the registration PINs, which are secrets.")] = False
) -> Iterator[enrolmentfiles.ListedDevice]:
    """Write all devices with what operators say of them, as a file from which they can be enrolled again."""
    return enrolmentfiles.listed(pins)


@device.operation("show", role=Role.VIEWER, in_subtree=True)
def show(device: DeviceName) -> DeviceDetails:
    """Show everything known about a device."""
    return details(enrolment.find(device))


@device.operation("alarms", role=Role.VIEWER, in_subtree=True)
def alarms(
    vder: Annotated[str | None, Arg("Only of its members.", metavar="[VDER]")] = None
) -> Iterator[DeviceAlarmRow]:
    """List alarms that devices have reported and that are not over (LogEvents of their DERs)."""
    return devicealarms.rows(vder)


@device.operation("log", role=Role.VIEWER, in_subtree=True)
def log(
    device: Annotated[str | None, Arg("A device's LFDI, SFDI, number or name; the server itself without one.",
                                      metavar="[DEVICE]")] = None,
    *,
    limit: Annotated[int, Arg("The newest so many.", least=1, option="n/lines")] = 20,
) -> Iterator[devicelogs.LogRow]:
    """Show the newest LogEvents of a device, in words, or those of the server: whom it refused, and whether
    its time was adjusted."""
    if device is None:
        scopes.require_whole("the log of the server itself")
    return devicelogs.rows(None if device is None else enrolment.href(enrolment.find(device)), limit)


@device.operation("label", role=Role.OPERATOR)
def label(
    device: DeviceName,
    labels: Annotated[Mapping[str, str], Arg(metavar="[NAME=VALUE]...")] = NO_PAIRS,
    *,
    remove: Annotated[Sequence[str], Arg("Remove this label.", metavar="NAME")] = (),
    name: Annotated[str | None, Arg("Give it another name.")] = None,
    kind: Annotated[str | None, Arg("Give it another kind.")] = None,
) -> DeviceDetails:
    """Set labels (NAME=VALUE …); the virtual DERs of the device follow at once."""
    labelled = enrolment.find(device)
    checked = None if kind is None else names.check_kind(kind)
    enrolment.relabel(labelled, {**labels, **dict.fromkeys(remove)}, name, checked)
    return {**details(labelled), "warnings": names.warnings(labelled)}


@device.operation("update", role=Role.OPERATOR)
def update(
    device: DeviceName, *, profile: Annotated[str, Arg(f"{_PROFILES}; server for that of the server.")]
) -> DeviceDetails:
    """Give a device a profile of its own: which edition of the standard it is sent, and which extensions."""
    updated = enrolment.find(device)
    enrolment.update(updated, "" if profile == "server" else enrolment.check_profile(profile))
    return details(updated)


@device.operation("rate", role=Role.OPERATOR)
def rate(
    device: DeviceName,
    *,
    max_injection_w: Annotated[Watts | None, Arg("The most that it injects.", least=0)] = None,
    max_absorption_w: Annotated[Watts | None, Arg("The most that it draws, as storage or charger.",
                                                  least=0)] = None,
    capacity_wh: Annotated[WattHours | None, Arg("The energy that it stores.", least=0)] = None,
    der: Annotated[int, Arg("Which of its DERs.", least=1)] = 1,
    clear: Annotated[bool, Arg("Use what the device reports again, but for what is given.")] = False,
) -> DeviceDetails:
    """Set ratings of a device that reports wrong ones; what is not given stays."""
    from server.grid.fleet import ratings
    rated = enrolment.find(device)
    values = {"max_injection_w": max_injection_w, "max_absorption_w": max_absorption_w,
              "capacity_wh": capacity_wh}
    given = {name: value for name, value in values.items() if clear or value is not None}
    if not given:
        raise BadArgument("max_injection_w", "specify at least one rating, or `clear`")
    ratings.rate(rated, der, given)
    return details(rated)


@device.operation("move", role=Role.ADMINISTRATOR, in_parts=True)
def move(
    devices: Annotated[Sequence[str], Arg(metavar="[DEVICE]...")] = (),
    *,
    aggregator: Annotated[str, Arg("The enrolled aggregator that acts for them from now on, as DEVICE; empty "
                                   "for none.")],
    source: Annotated[str | None, Arg("Move all devices of this aggregator, as DEVICE.",
                                      option="from")] = None,
) -> aggregators.MovedDevices:
    """Let another aggregator act for devices, or none.

    Who acted for them before sees nothing of theirs from then on, and its subscriptions to that end.
    """
    if bool(devices) == (source is not None):
        raise BadArgument("devices", "specify either devices or `source`")
    chosen = list(map(enrolment.find, devices)) or aggregators.managed(enrolment.find(source or ""))
    chunks = track(list(chunked(chosen, TOGETHER)), "moving", len)
    return aggregators.move_all(chunks, enrolment.find(aggregator) if aggregator else None)


@device.operation("suspend", role=Role.ADMINISTRATOR)
def suspend(device: DeviceName) -> DeviceRow:
    """Refuse a device everything until it is restored, and its aggregator what is the device's."""
    suspended = enrolment.find(device)
    enrolment.suspend(suspended)
    return row(suspended)


@device.operation("restore", role=Role.ADMINISTRATOR)
def restore(device: DeviceName) -> DeviceRow:
    """Let a suspended device in again."""
    restored = enrolment.find(device)
    enrolment.restore(restored)
    return row(restored)


@device.operation("remove", role=Role.ADMINISTRATOR, in_parts=True,
                  confirm="Remove {device} and everything it has reported (its readings stay)?")
def remove(device: DeviceName) -> RemovedDevice:
    """Remove a device; its certificate is no longer enrolled."""
    removed = enrolment.find(device)
    enrolment.remove(removed)
    return {"removed": removed.lfdi}
