"""`enrol` and `device …`."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from server import audit
from server.cli.common import PAIR, WHOLE, track, verb
from server.devices import enrolment
from server.errors import Refused
from server.models import Device, Membership, VirtualDER
from server.resources import hexbinary, store


def brief(device: Device) -> dict[str, Any]:
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
        "seen_at": device.last_contact_at,
    }


def full(device: Device) -> dict[str, Any]:
    """A device with all that is known of it."""
    href = enrolment.href(device)
    registration = store.get(f"{href}/rg")
    groups = VirtualDER.select(VirtualDER.name).join(Membership).where(Membership.device == device).order_by(
        VirtualDER.id)
    said = {document.kind: hexbinary.comparable(document.submitted) for child in store.items(f"{href}/der")
            for document in store.items(child.href) if document.submitted}
    return {
        **brief(device),
        "href": href,
        "pin": f"{registration.submitted['pIN']:06d}" if registration else None,
        "enrolled_at": device.enrolled_at,
        "virtual DERs": [group.name for group in groups],
        **said,
    }


@click.command()
@click.argument("lfdi", required=False)
@click.option("--pin", type=WHOLE, help="Registration PIN with its check digit; a new one where none is "
                                        "given.")
@click.option("--name", default="", help="A name for people.")
@click.option("--kind", default="", help="What it is: pv, battery, ev_charger, thermostat, aggregator, …")
@click.option("--label", "labels", type=PAIR, multiple=True, help="A label for the rules of virtual DERs.")
@click.option("--aggregator", "manager", default="", help="LFDI of the enrolled aggregator that acts for it.")
@click.option("--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Enrol all devices of a JSON file: a list of objects with lfdi, pin, name, kind, labels.")
@verb
def enrol(
    lfdi: str | None,
    pin: int | None,
    name: str,
    kind: str,
    labels: tuple[tuple[str, str], ...],
    manager: str,
    file: Path | None,
) -> Any:
    """Enrol a device by the LFDI of its certificate (or many, with --from)."""
    if (lfdi is None) == (file is None):
        raise click.UsageError("give either an LFDI or --from FILE")
    if lfdi is not None:
        return full(enrolment.enrol(lfdi, pin, name, kind, dict(labels), manager))
    return _enrol_all(file, kind, dict(labels), manager)


_ENTRY: dict[str, type] = {"lfdi": str, "pin": int, "name": str, "kind": str, "labels": dict, "manager": str}
_KINDS = {str: "text", int: "whole number", dict: "object"}


def _enrolled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(rows), "devices": [row["lfdi"] for row in rows]}


@audit.audited("device enrol", "{count} devices", answer=_enrolled)
def _enrol_all(file: Path | None, kind: str, labels: dict[str, str], manager: str) -> Any:
    assert file is not None
    wanted = _wanted(file)
    with store.transaction():
        return [
            brief(
                enrolment.enrol(
                    entry["lfdi"],
                    entry.get("pin"),
                    entry.get("name", ""),
                    entry.get("kind", kind),
                    {**labels, **entry.get("labels", {})},
                    entry.get("manager", manager),
                )
            )
            for entry in track(wanted, "enrolling")
        ]


def _wanted(file: Path) -> list[dict[str, Any]]:
    """What a file says of devices, null being the same as nothing. Refused (400) where it says something
    else."""
    try:
        entries = [
            {key: value for key, value in entry.items() if value is not None}
            for entry in json.loads(file.read_text())
        ]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(400, f"{file}: this is no JSON list of objects with an lfdi ({error})") from None
    for number, entry in enumerate(entries, 1):
        wrong = [key for key, kind in _ENTRY.items() if not isinstance(entry.get(key, kind()), kind)]
        if wrong or "lfdi" not in entry:
            raise Refused(
                400,
                f"{file}, device {number}: its {wrong[0]} is no {_KINDS[_ENTRY[wrong[0]]]}"
                if wrong
                else f"{file}, device {number}: it has no lfdi",
            )
    return entries


@click.group()
def device() -> None:
    """Look at and change enrolled devices. DEVICE is an LFDI, SFDI, number or name."""


@device.command("list")
@click.option("--kind", help="Only this kind.")
@click.option("--label", "labels", type=PAIR, multiple=True, help="Only those with this label.")
@click.option("--state", type=click.Choice([Device.ENROLLED, Device.SUSPENDED]), help="Only those in this "
                                                                                      "state.")
@verb
def list_devices(kind: str | None, labels: tuple[tuple[str, str], ...], state: str | None) -> Any:
    """List devices."""
    query = Device.select().order_by(Device.id)
    if kind is not None:
        query = query.where(Device.kind == kind)
    if state is not None:
        query = query.where(Device.state == state)
    return [brief(each) for each in query if all(each.labels.get(name) == value for name, value in labels)]


@device.command()
@click.argument("device")
@verb
def show(device: str) -> Any:
    """All that is known of a device."""
    return full(enrolment.find(device))


@device.command()
@click.argument("device")
@click.argument("labels", type=PAIR, nargs=-1)
@click.option("--remove", multiple=True, metavar="NAME", help="Take this label away.")
@click.option("--name", help="Give it another name.")
@click.option("--kind", help="Say that it is of another kind.")
@verb
def label(device: str, labels: tuple[tuple[str, str], ...], remove: tuple[str, ...], name: str | None,
          kind: str | None) -> Any:
    """Set labels (NAME=VALUE …); the virtual DERs it is in follow at once."""
    found = enrolment.find(device)
    enrolment.relabel(found, {**dict(labels), **dict.fromkeys(remove)}, name, kind)
    return full(found)


@device.command()
@click.argument("device")
@verb
def suspend(device: str) -> Any:
    """Refuse a device everything until it is restored."""
    found = enrolment.find(device)
    enrolment.suspend(found)
    return brief(found)


@device.command()
@click.argument("device")
@verb
def restore(device: str) -> Any:
    """Let a suspended device in again."""
    found = enrolment.find(device)
    enrolment.restore(found)
    return brief(found)


@device.command()
@click.argument("device")
@click.confirmation_option(prompt="Remove the device and all it said of itself (its readings stay)?")
@verb
def remove(device: str) -> Any:
    """Remove a device; its certificate is a stranger's then."""
    found = enrolment.find(device)
    enrolment.remove(found)
    return {"removed": found.lfdi}


COMMANDS = (enrol, device)
