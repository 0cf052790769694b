"""Configuration of devices: what operators read of it and set (IEEE 2030.5-2018, 9.7).

A device puts its Configuration, and follows what it reads there (8.4.3 lets it be written). What it says is
kept as it says it; of operators, what the schema reserves is refused.
"""
from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple, NotRequired, TypedDict

from server import clock
from server.audit import audited
from server.devices import enrolment
from server.errors import Refused
from server.functionsets import dstrules
from server.models import Device, Document
from server.resources import store, table
from server.resources.hooks import Change, before
from server.units import Href, Instant, Seconds

Data = dict[str, Any]
NO_ZONE = "none"
DEFAULT_LOCALE = "en"
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # RFC 5646, 2.1, but for its grandfathered ones
_NAME_OCTETS = 32
_INT32_MOST = 2 ** 31 - 1


class PriceThresholds(TypedDict):
    """How a device responds to a price component: it consumes freely below one price and reduces above
    another, in units of the tariff (10^pricePowerOfTenMultiplier of its currency)."""
    setting: Href
    component: Href
    consume_below: int
    reduce_above: int


class DeviceConfiguration(TypedDict):
    """The Configuration of a device; offsets are from UTC, and daylight saving is in words."""
    configuration: Href
    name: str
    locale: str
    battery_installed_at: NotRequired[Instant]
    low_charge_threshold_s: NotRequired[Seconds]
    tz_offset_s: NotRequired[Seconds]
    dst_offset_s: NotRequired[Seconds]
    dst_start: NotRequired[str]
    dst_end: NotRequired[str]
    price_thresholds: list[PriceThresholds]


def read(device: Device) -> DeviceConfiguration:
    """Return the Configuration of a device. Refused (404) where there is none."""
    href = f"{enrolment.href(device)}/cfg"
    document = store.get(href)
    if document is None or document.submitted is None:
        raise Refused(404, f"device {device.id} has put no Configuration, and no operator has: "
                           "`counterpoise device configure` makes one")
    data = document.submitted
    power, time = data.get("PowerConfiguration") or {}, data.get("TimeConfiguration")
    result: DeviceConfiguration = {
        "configuration": href, "name": data["userDeviceName"], "locale": data["currentLocale"],
        "price_thresholds": _thresholds(f"{href}/prcfg")}
    if "batteryInstallTime" in power:
        result["battery_installed_at"] = power["batteryInstallTime"]
    if "lowChargeThreshold" in power:
        result["low_charge_threshold_s"] = power["lowChargeThreshold"]
    if time:
        result |= {"tz_offset_s": time["tzOffset"], "dst_offset_s": time["dstOffset"],
                   "dst_start": dstrules.in_words(_text(time["dstStartRule"])),
                   "dst_end": dstrules.in_words(_text(time["dstEndRule"]))}
    return result


def _text(rule: Any) -> str:
    """Return the digits of a DstRuleType, which may have attributes."""
    return str(rule["value"] if isinstance(rule, dict) else rule)


def _thresholds(list_href: Href) -> list[PriceThresholds]:
    return [{"setting": document.href, "component": document.submitted["RateComponentLink"]["href"],
             "consume_below": document.submitted["consumeThreshold"],
             "reduce_above": document.submitted["maxReductionThreshold"]}
            for document in store.items(list_href)]


class Wanted(NamedTuple):
    """What an operator sets of a Configuration; None stays as it is. `time_zone` is the name of one, or
    NO_ZONE."""
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    low_charge_threshold_s: Seconds | None = None
    battery_installed_at: Instant | None = None


def _state(device: Device) -> Data:
    href = f"{enrolment.href(device)}/cfg"
    document = store.get(href)
    return {"lfdi": device.lfdi, "name": device.name, "price_thresholds": _thresholds(f"{href}/prcfg"),
            "configuration": document.submitted if document is not None else None}


@audited("device configure", "{lfdi} {name}", state=_state)
def configure(device: Device, wanted: Wanted) -> DeviceConfiguration:
    """Set parts of the Configuration of a device, which it reads. Refused (400) what the schema reserves."""
    href = f"{enrolment.href(device)}/cfg"
    with store.transaction(href):
        data = _configuration(device, store.get(href))
        data |= _given(userDeviceName=wanted.name, currentLocale=wanted.locale)
        power = _given(batteryInstallTime=wanted.battery_installed_at,
                       lowChargeThreshold=wanted.low_charge_threshold_s)
        if power:
            data["PowerConfiguration"] = {**data.get("PowerConfiguration", {}), **power}
        if wanted.time_zone is not None:
            _set_zone(data, wanted.time_zone)
        store.put(href, data)
        return read(device)


def _configuration(device: Device, document: Document | None) -> Data:
    """Return what was put, or what every Configuration has."""
    if document is not None and document.submitted is not None:
        return dict(document.submitted)
    return {"currentLocale": DEFAULT_LOCALE, "userDeviceName": _cut(device.name)}


def _given(**elements: Any) -> Data:
    return {name: value for name, value in elements.items() if value is not None}


@audited("device respond", "{lfdi} {name}", state=_state)
def respond(
    device: Device, component: Href, consume_below: float, reduce_above: float
) -> DeviceConfiguration:
    """Set at which prices of a RateComponent (its href), in the currency of the tariff for each kWh or as
    its kind says, a device consumes freely and reduces. Refused (400, 404) where there is no such
    component for the device, or the two contradict each other."""
    href = f"{enrolment.href(device)}/cfg"
    with store.transaction(href):
        if (document := store.get(href)) is None:
            store.put(href, _configuration(device, document))
        tariff = store.get(table.parent(table.parent(component)))
        if tariff is None or tariff.kind != "TariffProfile":
            raise Refused(404, f"{component} is no RateComponent of a tariff; specify one such as /tp/1/rc/1")
        scale = 10.0 ** tariff.submitted.get("pricePowerOfTenMultiplier", 0)
        consume, reduce = (round(price / scale) for price in (consume_below, reduce_above))
        if max(abs(consume), abs(reduce)) > _INT32_MOST:
            most = _INT32_MOST * scale
            raise Refused(400, f"{consume_below:g} and {reduce_above:g}: a price is at most {most:g}")
        store.add("PriceResponseCfg", f"{href}/prcfg", {
            "consumeThreshold": consume, "maxReductionThreshold": reduce,
            "RateComponentLink": {"href": component}})
        return read(device)


def _cut(name: str) -> str:
    """Return a name of as many octets as userDeviceName takes."""
    return name.encode()[:_NAME_OCTETS].decode(errors="ignore")


def _set_zone(data: Data, zone: str) -> None:
    if zone == NO_ZONE:
        data.pop("TimeConfiguration", None)
        return
    rules = dstrules.of_zone(zone, datetime.fromtimestamp(clock.now(), UTC).year)
    data["TimeConfiguration"] = {"dstEndRule": rules.end, "dstOffset": rules.dst_offset_s,
                                 "dstStartRule": rules.start, "tzOffset": rules.tz_offset_s}


@before("PUT", "Configuration")
def _check(change: Change) -> None:
    """Refuse (400) what an operator says that the schema reserves."""
    if change.caller is not None:
        return
    locale, time = change.data["currentLocale"], change.data.get("TimeConfiguration") or {}
    if not _LOCALE.fullmatch(locale):
        raise Refused(400, f"Configuration/currentLocale: {locale!r} is no language such as en or en-IE")
    for name in ("dstStartRule", "dstEndRule"):
        if name in time and dstrules.in_words(_text(time[name])).startswith(dstrules.NO_RULE):
            raise Refused(400, f"Configuration/TimeConfiguration/{name}: {_text(time[name])} is no rule; "
                               f"{dstrules.NONE} says that there is none")
