"""`responses` and `readings`: what devices answered and measured."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from server.devices import enrolment
from server.grid.controls import responses as eventresponses
from server.grid.controls.results import ResponseRow
from server.grid.series import meterrows
from server.operations.declaration import Arg, DeviceName, Group, Role
from server.resources import documents, meterreadings, store
from server.resources.codes import FlowDirection, Uom
from server.units import Href, Instant, Seconds

responses_group, readings_group = Group("responses"), Group("readings")
GROUPS = (responses_group, readings_group)
MOST = 100_000  # of an answer, which is in memory
_EVER = 1 << 62  # later than any instant
_UNITS: Mapping[int, str] = {
    Uom.NONE: "", Uom.A: "A", Uom.KELVIN: "K", Uom.CELSIUS: "°C", Uom.V: "V", Uom.J: "J", Uom.HZ: "Hz",
    Uom.W: "W", Uom.VA: "VA", Uom.VAR: "var", Uom.WH: "Wh", Uom.VAH: "VAh", Uom.VARH: "varh", Uom.AH: "Ah",
    Uom.CUBIC_METRES: "m³"}
_FLOWS: Mapping[int, str] = {FlowDirection.FORWARD: "consumed", FlowDirection.REVERSE: "injected",
          FlowDirection.NET: "net, consumption positive"}


class ReadingRow(TypedDict):
    """A reading as it was posted, `value` x 10^`multiplier` in the unit `uom`, with its ReadingType.

    `implausible` readings of power or energy are more than such a device can have, or of a time that cannot
    be; they are used by nothing.
    """
    start: Instant
    duration_s: Seconds
    quantity: str
    value: int | None
    multiplier: int
    uom: int | None
    flow: int | None
    in_words: str
    meter: Href
    implausible: bool


@responses_group.operation("", role=Role.VIEWER, in_subtree=True)
def responses(
    event: Annotated[str | None, Arg(metavar="EVENT")] = None,
    *,
    device: Annotated[str | None, Arg("Only this device's responses.")] = None,
    limit: Annotated[int, Arg("The newest so many.", least=1, most=MOST)] = 100,
) -> list[ResponseRow]:
    """List how devices responded to events, or to EVENT, an href or mRID."""
    lfdi = enrolment.find(device).lfdi if device else None
    return eventresponses.list_responses(event, lfdi, limit)


@readings_group.operation("", role=Role.VIEWER, in_subtree=True)
def readings(
    device: DeviceName,
    *,
    start: Annotated[Instant | None, Arg("Only readings from this instant on.", option="from")] = None,
    end: Annotated[Instant | None, Arg("Only readings before this instant.", option="until")] = None,
    limit: Annotated[int, Arg("The newest so many of each quantity.", least=1, most=MOST)] = 100,
) -> list[ReadingRow]:
    """List what a device measured, oldest first; values as they were posted, with their ReadingType."""
    lfdi = enrolment.find(device).lfdi
    points = documents.ever("/upt", lfdi)
    since, until = (start if start is not None else -_EVER, end if end is not None else _EVER)
    rows: list[ReadingRow] = []
    of_device = meterrows.read("JOIN device d ON d.id = m.device_id WHERE d.lfdi = ?", lfdi)
    counting = {row.href: row for row in of_device}
    for meter in (meter for point in points for meter in documents.ever(f"{point.href}/mr", lfdi)):
        document = store.get(f"{meter.href}/rt")
        reading_type = document.submitted if document else {}
        rows += [
            {
                "start": instant,
                "duration_s": duration_s,
                "quantity": meter.submitted.get("description", ""),
                "value": value,
                "multiplier": reading_type.get("powerOfTenMultiplier", 0),
                "uom": reading_type.get("uom"),
                "flow": reading_type.get("flowDirection"),
                "in_words": _in_words(value, reading_type),
                "meter": meter.href,
                "implausible": meter.href in counting
                and not counting[meter.href].is_plausible(value, duration_s)
                or untimely,
            }
            for instant, duration_s, value, untimely in meterreadings.timed(meter.href, since, until, limit)
        ]
    return sorted(rows, key=lambda row: (row["meter"], row["start"]))


def _in_words(value: int | None, reading_type: Mapping[str, Any]) -> str:
    """A value with its unit and direction: `1234 W, consumed`."""
    if value is None:
        return ""
    scaled = value * 10.0 ** reading_type.get("powerOfTenMultiplier", 0)
    uom, flow = reading_type.get("uom"), reading_type.get("flowDirection")
    unit = _UNITS.get(uom, f"of unit {uom}") if uom is not None else ""
    return ", ".join(filter(None, (f"{scaled:.12g} {unit}".rstrip(), _FLOWS.get(flow or 0, ""))))
