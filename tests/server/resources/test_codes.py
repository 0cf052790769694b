"""Enumerations have the members that the schemas name, and nobody else writes their numbers down."""
from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest
from lxml import etree

from server.resources import codes

ROOT = Path(__file__).parents[3]
XS = {"x": "http://www.w3.org/2001/XMLSchema"}
Codes = type[IntEnum] | type[IntFlag]

BY_TYPE: dict[str, Codes] = {
    "AccumulationBehaviourType": codes.AccumulationBehaviour,
    "ApplianceLoadReductionType": codes.ApplianceLoadReduction,
    "ChargeKind": codes.ChargeKind,
    "CommodityType": codes.Commodity,
    "ConnectStatusType": codes.ConnectStatus,
    "ConnectStatusType2": codes.ConnectStatus2,
    "CostKindType": codes.CostKind,
    "CreditStatusType": codes.CreditStatus,
    "CreditTypeType": codes.CreditType,
    "DERControlType": codes.DERControlType,
    "DERControlType2": codes.DERControlType2,
    "DERCurveType": codes.DERCurveType,
    "DERType": codes.DERType,
    "DERUnitRefType": codes.DERUnitRef,
    "DOEControlType": codes.DOEControlType,
    "DataQualifierType": codes.DataQualifier,
    "DeviceCategoryType": codes.DeviceCategory,
    "FlowDirectionType": codes.FlowDirection,
    "InverterStatusType": codes.InverterStatus,
    "KindType": codes.ReadingKind,
    "LocalControlModeStatusType": codes.LocalControlModeStatus,
    "OperationalModeStatusType": codes.OperationalModeStatus,
    "PhaseCode": codes.PhaseCode,
    "PowerSourceType": codes.PowerSource,
    "PrepayModeType": codes.PrepayMode,
    "PriorityType": codes.MessagePriority,
    "RoleFlagsType": codes.RoleFlags,
    "ServiceKind": codes.ServiceKind,
    "ServiceStatusType": codes.ServiceStatus,
    "StorageModeStatusType": codes.StorageModeStatus,
    "SubscribableType": codes.Subscribable,
    "UnitType": codes.ReductionUnit,
    "UomType": codes.Uom,
}
"""The types of the schema whose values are codes."""
BY_ELEMENT: dict[str, Codes] = {
    "DERStatus/alarmStatus": codes.Alarm,
    "DeviceInformation/functionsImplemented": codes.FunctionsImplemented,
    "DeviceStatus/opState": codes.OperationalState,
    "Error/reasonCode": codes.ReasonCode,
    "EventStatus/currentStatus": codes.EventStatus,
    "FileStatus/status": codes.FileStatus,
    "File/type": codes.FileType,
    "LogEvent/functionSet": codes.LogFunctionSet,
    "LogEvent/profileID": codes.LogProfile,
    "Notification/status": codes.NotificationStatus,
    "PowerStatus/batteryStatus": codes.BatteryStatus,
    "RequestStatus/requestStatus": codes.RequestStatus,
    "RespondableResource/responseRequired": codes.ResponseRequired,
    "Response/status": codes.ResponseStatus,
    "ReadingBase/qualityFlags": codes.QualityFlags,
    "Subscription/encoding": codes.SubscriptionEncoding,
    "Time/quality": codes.TimeQuality,
    "UsagePointBase/status": codes.UsagePointStatus,
}
"""The elements and attributes of a general type (UInt8, HexBinary32) whose values are codes."""
BITS = (codes.DERControlType, codes.DERControlType2, codes.DOEControlType)
"""Enumerations of the bits of a bitmap by number; an IntFlag has the bits themselves."""
NOT_LISTED = {codes.CurrencyCode: "ISO 4217, of which the schema names a few"}
OTHER_NAMES: dict[str, Codes] = {
    "category": codes.DeviceCategory,
    "der_type": codes.DERType,
    "event_status": codes.EventStatus,
    "flow": codes.FlowDirection,
    "qualifier": codes.DataQualifier,
    "reason_code": codes.ReasonCode,
    "required": codes.ResponseRequired,
    "role": codes.RoleFlags,
}
"""Names that code gives to such values, besides those of the elements."""


def documented() -> dict[str, str]:
    """The documentation of every type, and of every element and attribute as `Type/element`, by name."""
    texts = {}
    for file in (ROOT / "schemas").glob("*.xsd"):
        for node in etree.parse(file).getroot().iterfind(".//*[@name]"):
            above = next((owner for owner in node.iterancestors() if owner.get("name")), None)
            name = node.get("name") if above is None else f"{above.get('name')}/{node.get('name')}"
            text = "".join(node.xpath("string(x:annotation/x:documentation)", namespaces=XS))
            if text and (above is None or name not in texts):
                texts[name] = text
    return texts


def numbers(text: str) -> set[int]:
    """The numbers in `what it is: 0 off, 1 on (since 2023)`."""
    listed = re.sub(r"\([^)]*\)|IEC [\d-]+|since 2023|to FFFF", "", text)
    return {int(number) for number in re.findall(r"(?:^|, |: |also |; |of )(\d+)\b", listed)}


def values(enumeration: Codes) -> set[int]:
    if issubclass(enumeration, IntFlag):
        return {member.value.bit_length() - 1 for member in enumeration}
    return {member.value for member in enumeration}


@pytest.mark.parametrize(("path", "enumeration"), (BY_TYPE | BY_ELEMENT).items(),
                         ids=lambda value: value if isinstance(value, str) else value.__name__)
def test_an_enumeration_has_the_members_that_the_schema_names(path: str, enumeration: Codes) -> None:
    assert numbers(documented()[path]) == values(enumeration)


def test_every_enumeration_is_of_a_type_or_an_element_of_the_schema() -> None:
    enumerations = {getattr(codes, name) for name in codes.__all__ if isinstance(getattr(codes, name), type)}
    assert enumerations - NOT_LISTED.keys() == {*BY_TYPE.values(), *BY_ELEMENT.values()}


# --- nobody else writes their numbers down --------------------------------------------------------

def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def fields() -> dict[str, list[Codes]]:
    """The enumerations by the names of their values: those of elements, in snake case too, and others."""
    named: dict[str, list[Codes]] = {}
    places = [(path.partition("/")[2], enumeration) for path, enumeration in BY_ELEMENT.items()]
    for file in (ROOT / "schemas").glob("*.xsd"):
        for node in etree.parse(file).getroot().iterfind(".//*[@type]"):
            if node.get("type") in BY_TYPE and node.get("name") != node.get("type"):
                places.append((node.get("name"), BY_TYPE[node.get("type")]))
    for name, enumeration in places:
        for word in {name, snake(name)}:
            named.setdefault(word, []).append(enumeration)
    del named["priority"]  # a signal has one as well, which is no MessagePriority
    for word, enumeration in OTHER_NAMES.items():
        named.setdefault(word, []).append(enumeration)
    return named


FIELDS = fields()


def field_of(node: ast.AST) -> str | None:
    """The field that an expression reads: `status`, `row.status`, `row["status"]`, `row.get("status")`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=name)):
            pass
        case ast.Call(func=ast.Name(id="int"), args=[value, *_]):
            return field_of(value)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=name), *_]):
            pass
        case ast.BoolOp(values=[value, *_]):
            return field_of(value)
        case _:
            return None
    return name if name in FIELDS else None


def literals(node: ast.AST) -> Iterator[ast.Constant]:
    """The constants that an expression may evaluate to, or is made of."""
    match node:
        case ast.Constant():
            yield node
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            yield from literals(one)
            yield from literals(other)
        case ast.BoolOp(values=nodes) | ast.Tuple(elts=nodes) | ast.List(elts=nodes) | ast.Set(elts=nodes):
            for value in nodes:
                yield from literals(value)
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "int"), args=[value, *_]):
            yield from literals(value)


def is_code(name: str, value: object) -> bool:
    """Whether a constant is a code of the field; for bitmaps also hexadecimal text, and any sum of bits, but
    not 0, which sets none."""
    bitmap = any(issubclass(enumeration, IntFlag) or enumeration in BITS for enumeration in FIELDS[name])
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, str):
        return bitmap and bool(re.fullmatch(r"(?=.*[^0])[0-9A-Fa-f]{1,16}", value))
    return value != 0 if bitmap else any(value in {*enumeration} for enumeration in FIELDS[name])


def meetings(tree: ast.AST) -> Iterator[tuple[str | None, ast.AST]]:
    """Each field with the expression that it is compared with, combined with, or set to."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                for former, other in zip([left, *others], others, strict=False):
                    yield field_of(former), other
                    yield field_of(other), former
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
                yield field_of(left), right
                yield field_of(right), left
            case ast.keyword(arg=name, value=value):
                yield name, value
            case ast.Dict(keys=keys, values=values_):
                for key, value in zip(keys, values_, strict=True):
                    yield from dict_item(key, value)
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value):
                yield field_of(target), value
            case ast.Call(
                func=ast.Attribute(attr="get" | "setdefault"), args=[ast.Constant(value=name), value]
            ):
                yield name, value
            case ast.BoolOp(values=[first, *others]):
                yield from ((field_of(first), other) for other in others if not is_zero(other))
            case ast.arguments():
                yield from defaults(node)


def is_zero(node: ast.AST) -> bool:
    """Whether this is the 0 of `status or 0`, which stands for a value that is missing."""
    return isinstance(node, ast.Constant) and node.value == 0


def dict_item(key: ast.AST | None, value: ast.AST) -> Iterator[tuple[str | None, ast.AST]]:
    """An item of a dict; a status such as InverterStatusType has its code under "value"."""
    if not isinstance(key, ast.Constant):
        return
    yield key.value, value
    if isinstance(value, ast.Dict):
        for inner, code in zip(value.keys, value.values, strict=True):
            if isinstance(inner, ast.Constant) and inner.value == "value":
                yield key.value, code


def defaults(node: ast.arguments) -> Iterator[tuple[str, ast.AST]]:
    """The parameters that have a default."""
    positional = [*node.posonlyargs, *node.args]
    yield from ((parameter.arg, value) for parameter, value
                in zip(positional[len(positional) - len(node.defaults):], node.defaults, strict=True))
    yield from ((parameter.arg, value) for parameter, value
                in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value is not None)


def bare(tree: ast.AST) -> list[str]:
    """The bare codes in a module: line, field and value."""
    return sorted({
        f"{literal.lineno}: {name} {literal.value!r}"
        for name, value in meetings(tree) if name in FIELDS
        for literal in literals(value) if is_code(name, literal.value)
    })


@pytest.mark.parametrize("line", [
    'event.status["currentStatus"] > 1',
    'status in (4, 8)',
    'data = {"deviceCategory": "00000003"}',
    'data = {"inverterStatus": {"dateTime": now, "value": 2 if on else 1}}',
    'int(data.get("roleFlags") or "0", 16) & 8',
    'data.setdefault("responseRequired", "03")',
    'def post(response_required: int = 7) -> None: pass',
    'store.put(href, uom=38)',
    'der_type = 81',
    'said.get("phase", 0) != 0',
])
def test_a_bare_code_is_seen(line: str) -> None:
    assert bare(ast.parse(line))


@pytest.mark.parametrize("line", [
    "reply.status == 404", 'kind == "DERControl"', "Response(status=304)", 'row["status"] = status',
    "status == ResponseStatus.RECEIVED", 'data["type"] == "pv"',
])
def test_what_is_no_code_is_not_taken_for_one(line: str) -> None:
    assert bare(ast.parse(line)) == []


@pytest.mark.parametrize("package", ["server", "clients"])
def test_codes_are_written_by_name(package: str) -> None:
    by_code = {
        str(path.relative_to(ROOT)): codes_of
        for path in sorted((ROOT / package).rglob("*.py"))
        if (codes_of := bare(ast.parse(path.read_text())))
    }
    assert by_code == {}, "write the member of server.resources.codes"
