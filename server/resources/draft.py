"""Documents of clients that were built on the draft of 2013, whose namespace and words are older.

One table says, for each element whose content the draft has otherwise, which elements it has, in its order,
by which names, and with which codes. What it does not have is left out. The same table is read backwards for
what such clients send. Everything else is the same in both.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from server.resources import schema
from server.resources.codes import DERControlType, DERCurveType
from server.resources.schema import SEP

if TYPE_CHECKING:
    from lxml import etree

NAMESPACE = "http://ieee.org/2030.5"
_DECLARATION = re.compile(rb"""(xmlns(?::[\w.-]+)?\s*=\s*)(["'])http://ieee\.org/2030\.5\2""")
_RESERVED_CURVE = 255  # of what the draft has no curve type for
PARTIAL_LISTS = frozenset({"DERCurveList"})
"""Lists of which the draft may not have all items, see `expresses`."""
_TAG = f"{{{SEP}}}"

# The bits of modesSupported and modesEnabled, and the values of curveType, in the draft's order.
_MODES = ("opModVoltVar", "opModFreqWatt", "opModFreqDroop", "opModWattPF", "opModVoltWatt",
          "opModLVRTMomentaryCessation", "opModLVRTMustTrip", "opModHVRTMomentaryCessation",
          "opModHVRTMustTrip", "opModLFRTMustTrip", "opModHFRTMustTrip", "opModConnect", "opModEnergize",
          "opModMaxLimW", "opModFixedVar", "opModFixedPFInjectW", "opModFixedW", "opModTargetW",
          "opModTargetVar", "charge", "discharge", "opModWattVar")
_CURVES = ("opModVoltVar", "opModFreqWatt", "opModWattPF", "opModVoltWatt", "opModLVRTMomentaryCessation",
           "opModLVRTMustTrip", "opModHVRTMomentaryCessation", "opModHVRTMustTrip", "opModLFRTMustTrip",
           "opModHFRTMustTrip", "opModWattVar")
_BITS = {int(DERControlType[name]): bit for bit, name in enumerate(_MODES)}
_CURVE_TYPES = {int(DERCurveType[name]): value for value, name in enumerate(_CURVES)}

Change = Callable[["etree._Element", bool], None]


class Part(NamedTuple):
    """An element: its name here and in the draft, and what changes its content; `to_draft` says which way."""
    name: str
    draft_name: str
    change: Change | None = None


def _bitmap(element: etree._Element, to_draft: bool) -> None:
    mapped = _BITS if to_draft else {bit: own for own, bit in _BITS.items()}
    bits = int(element.text or "0", 16)
    element.text = f"{sum(1 << other for own, other in mapped.items() if bits >> own & 1):08X}"


def _curve_type(element: etree._Element, to_draft: bool) -> None:
    mapped = _CURVE_TYPES if to_draft else {value: own for own, value in _CURVE_TYPES.items()}
    element.text = str(mapped.get(int(element.text or 0), _RESERVED_CURVE))


def _negative(element: etree._Element, to_draft: bool) -> None:
    """The draft's lower limit of the power factor is negative."""
    displacement = element.find(f"{_TAG}displacement")
    if displacement is not None:
        size = abs(int(displacement.text or 0))
        displacement.text = str(-size if to_draft else size)


def _power_factor(element: etree._Element, to_draft: bool) -> None:
    """The draft's power factor has a sign in place of `excitation`, true of which is under-excited, and
    negative."""
    displacement, excitation = (element.find(f"{_TAG}{name}") for name in ("displacement", "excitation"))
    if displacement is None:
        return
    value = int(displacement.text or 0)
    if to_draft:
        under_excited = excitation is not None and (excitation.text or "").strip() in ("true", "1")
        displacement.text = str(-value if under_excited else value)
        if excitation is not None:
            element.remove(excitation)
    elif excitation is None:
        displacement.text = str(abs(value))
        added = element.makeelement(f"{_TAG}excitation")
        added.text = "true" if value < 0 else "false"
        displacement.addnext(added)


def _same(*names: str) -> list[Part]:
    return [Part(name, name) for name in names]


# By element, what the draft has in it, in its order.
TABLE: Mapping[str, list[Part]] = {
    "DERCapability": [
        Part("modesSupported", "modesSupported", _bitmap), Part("rtgMaxA", "rtgA"),
        *_same("rtgAbnormalCategory"), Part("rtgMaxAh", "rtgAh"),
        *_same("rtgMaxChargeRateVA", "rtgMaxChargeRateW", "rtgMaxDischargeRateVA", "rtgMaxDischargeRateW"),
        Part("rtgMinPFOverExcited", "rtgMinPF"), Part("rtgMinPFUnderExcited", "rtgMinPFNeg", _negative),
        *_same("rtgNormalCategory", "rtgOverExcitedPF", "rtgOverExcitedW", "rtgUnderExcitedPF",
               "rtgUnderExcitedW"),
        Part("rtgMaxVA", "rtgVA"), Part("rtgMaxVar", "rtgVar"), Part("rtgMaxVarNeg", "rtgVarNeg"),
        Part("rtgMaxW", "rtgW"), Part("rtgMaxWh", "rtgWh"), *_same("type")],
    "DERSettings": [
        Part("modesEnabled", "modesEnabled", _bitmap),
        *_same("setESDelay", "setESHighFreq", "setESHighVolt", "setESLowFreq", "setESLowVolt",
               "setESRandomDelay", "setGradW", "setMaxA", "setMaxAh", "setMaxChargeRateVA",
               "setMaxChargeRateW", "setMaxDischargeRateVA", "setMaxDischargeRateW", "setMaxVA", "setMaxVar",
               "setMaxVarNeg", "setMaxW", "setMaxWh"),
        Part("setMinPFOverExcited", "setMinPF"), Part("setMinPFUnderExcited", "setMinPFNeg", _negative),
        *_same("setSoftGradW", "setVRef", "setVRefOfs", "updatedTime")],
    "DERControlBase": [
        *_same("opModConnect", "opModEnergize"),
        Part("opModFixedPFInjectW", "opModFixedPF", _power_factor),
        *_same("opModFixedVar", "opModFixedW", "opModFreqDroop", "opModFreqWatt", "opModHFRTMustTrip",
               "opModHVRTMomentaryCessation", "opModHVRTMustTrip", "opModLFRTMustTrip",
               "opModLVRTMomentaryCessation", "opModLVRTMustTrip", "opModMaxLimW", "opModTargetVar",
               "opModTargetW", "opModVoltVar", "opModVoltWatt", "opModWattPF", "opModWattVar", "rampTms")],
    "DefaultDERControl": _same(
        "mRID", "description", "version", "DERControlBase", "setESDelay", "setESHighFreq", "setESHighVolt",
        "setESLowFreq", "setESLowVolt", "setESRandomDelay", "setGradW", "setSoftGradW"),
    "DERCurve": [
        *_same("mRID", "description", "version", "creationTime", "CurveData"),
        Part("curveType", "curveType", _curve_type),
        *_same("openLoopTms", "rampDecTms", "rampIncTms", "rampPT1Tms", "xMultiplier", "yMultiplier",
               "yRefType")],
    "CurveData": _same("xvalue", "yvalue"),
    "EndDevice": [
        *_same("ConfigurationLink", "DERListLink", "DeviceInformationLink", "DeviceStatusLink",
               "FileStatusLink", "IPInterfaceListLink", "lFDI", "LoadShedAvailabilityListLink"),
        Part("deviceCategory", "loadShedDeviceCategory"),
        *_same("LogEventListLink", "PowerStatusLink", "sFDI", "changedTime", "enabled",
               "FlowReservationRequestListLink", "FlowReservationResponseListLink",
               "FunctionSetAssignmentsListLink", "RegistrationLink", "SubscriptionListLink")],
}


def expresses(kind: str, data: Mapping[str, Any]) -> bool:
    """Return whether the draft has something for a document: it has no may-trip curves, for instance."""
    return kind != "DERCurve" or data.get("curveType") in _CURVE_TYPES


def is_draft(body: bytes) -> bool:
    """Return whether a document declares the namespace of the draft."""
    return _DECLARATION.search(body) is not None


def renamed(body: bytes) -> bytes:
    """Return a document of the draft in the namespace of the standard; `read` does the rest."""
    return _DECLARATION.sub(rb"\1\2%s\2" % SEP.encode(), body)


def read(root: etree._Element) -> None:
    """Give a document of the draft, whose namespace is renamed, the words and codes of 2018, in place.

    What is not a number where one has to be stays as it is, for the schema to refuse.
    """
    for element in list(root.iter()):
        parts = TABLE.get(_local(element))
        if parts is not None:
            _rename(element, {part.draft_name: part for part in parts}, to_draft=False)
            order = schema.type_spec(_local(element)).order
            children = sorted(element, key=lambda child: order.get(_local(child), len(order)))
            element[:] = children


def fragment(name: str, of_2018: bytes) -> bytes:
    """Return a fragment of 2018 as the draft has it."""
    from lxml import etree
    root = etree.fromstring(b'<%s xmlns="%s"%s</%s>' % (name.encode(), SEP.encode(), of_2018, name.encode()))
    for element in list(root.iter()):
        parts = TABLE.get(_local(element))
        if parts is not None:
            _keep(element, [part.name for part in parts])
            _rename(element, {part.name: part for part in parts}, to_draft=True)
    start = b'<%s xmlns="%s"' % (name.encode(), SEP.encode())
    text: bytes = etree.tostring(root, encoding="utf-8").replace(b' xmlns="%s"' % SEP.encode(), b"", 1)
    text = text.removeprefix(start.partition(b" ")[0])
    if text.endswith(b"/>"):
        return text.removesuffix(b"/>") + b">"
    return text.removesuffix(b"</%s>" % name.encode())


def _keep(element: etree._Element, names: Iterable[str]) -> None:
    """Keep the children with these names, in this order."""
    position = {name: number for number, name in enumerate(names)}
    kept = [child for child in element if _local(child) in position]
    element[:] = sorted(kept, key=lambda child: position[_local(child)])


def _rename(element: etree._Element, parts: Mapping[str, Part], to_draft: bool) -> None:
    for child in element:
        part = parts.get(_local(child))
        if part is None:
            continue
        child.tag = f"{_TAG}{part.draft_name if to_draft else part.name}"
        if part.change is not None:
            try:
                part.change(child, to_draft)
            except ValueError:
                continue


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
