"""What modes and curves may say beyond what the schema checks (IEEE 2030.5-2018, 10.10, and the annotations
of DERControlBase, DERCurve, CurveData and FixedVar in the schema)."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server.errors import Refused
from server.resources import dermodes, schema, store
from server.resources.codes import DERCurveType, DERUnitRef
from server.resources.quantities import FULL
from server.units import Href

Data = Mapping[str, Any]
MOST_MULTIPLIER = 9  # powers of ten from -9 to 9 are what every client supports
_OF_VARS = (DERUnitRef.SET_MAX_W, DERUnitRef.SET_MAX_VAR, DERUnitRef.STAT_VAR_AVAIL)
# What the y values of a curve may be relative to, where the schema says so.
_REFERENCES: dict[DERCurveType, tuple[DERUnitRef, ...]] = {
    DERCurveType.opModFreqWatt: (DERUnitRef.SET_MAX_W,),
    DERCurveType.opModVoltVar: _OF_VARS,
    DERCurveType.opModVoltWatt: (DERUnitRef.SET_MAX_W, DERUnitRef.STAT_W_AVAIL),
    DERCurveType.opModWattPF: (DERUnitRef.NOT_APPLICABLE,),
    DERCurveType.opModWattVar: _OF_VARS,
}
_VOLT_VAR_ONLY = ("vRef", "autonomousVRefEnable", "autonomousVRefTimeConstant")
_POWER_FACTORS = ("opModFixedPFAbsorbW", "opModFixedPFInjectW")


def check_modes(base: Data, program: Href) -> None:
    """Refuse (400) a DERControlBase of a program: unknown modes, more than 100 %, negative limits, references
    and multipliers that clients do not have, and curves that are of another program or for another mode."""
    defined = schema.type_spec("DERControlBase").by_key
    for mode, value in base.items():
        if mode not in defined and not mode.startswith("csipaus:"):
            raise Refused(400, f"DERControlBase has no {mode}")
        if isinstance(value, Mapping):
            for fault in _value_faults(mode, value):
                raise Refused(400, f"{mode}: {fault}")
            if set(value) == {"href"}:
                _check_curve(mode, value["href"], program)
            continue
        bounds = dermodes.PERCENTS.get(mode)
        if bounds and isinstance(value, int) and not bounds[0] <= value <= bounds[1]:
            least, most = bounds[0] // 100, bounds[1] // 100
            raise Refused(400, f"{mode}: {least} to {most} % are possible, not {value / 100:.15g} %")


def _value_faults(mode: str, value: Data) -> Iterator[str]:
    multiplier = value.get("multiplier", 0)
    if abs(multiplier) > MOST_MULTIPLIER:
        yield f"multiplier {multiplier}: -{MOST_MULTIPLIER} to {MOST_MULTIPLIER} are possible"
    if "Lim" in mode and value.get("value", 0) < 0:
        yield "a limit cannot be negative"
    if mode == "opModFixedVar":
        if value.get("refType") not in _OF_VARS:
            yield f"refType {value.get('refType')}: {_listed(_OF_VARS)} are possible"
        if abs(value.get("value", 0)) > FULL:
            yield f"-100 to 100 % are possible, not {value['value'] / 100:.15g} %"
    if mode in _POWER_FACTORS and value.get("displacement", 0) * 10.0 ** multiplier > 1:
        yield f"displacement {value['displacement']} x 10^{multiplier} is more than 1"


def _check_curve(mode: str, href: Href, program: Href) -> None:
    curve = store.get(href)
    if curve is None or curve.kind != "DERCurve":
        raise Refused(400, f"{mode}: there is no curve {href}")
    if curve.parent != f"{program}/dc":
        raise Refused(400, f"{mode}: {href} is a curve of another virtual DER, which members may not see; "
                           "add it to this one with `control curve`")
    kind = DERCurveType(curve.submitted["curveType"])
    if kind.name != mode:
        raise Refused(400, f"{mode}: {href} is a curve for {kind.name}")


def check_curve(curve: Data) -> None:
    """Refuse (400) a DERCurve with elements that are for other types, or without those of its own."""
    for path, fault in _curve_faults(curve):
        raise Refused(400, f"DERCurve/{path}: {fault}")


def _curve_faults(curve: Data) -> Iterator[tuple[str, str]]:
    kind = DERCurveType(curve["curveType"])
    references = _REFERENCES.get(kind, tuple(DERUnitRef))
    if curve["yRefType"] not in references:
        yield "yRefType", f"a curve for {kind.name} has {_listed(references)}, not {curve['yRefType']}"
    for name in ("xMultiplier", "yMultiplier"):
        if abs(curve[name]) > MOST_MULTIPLIER:
            yield name, f"-{MOST_MULTIPLIER} to {MOST_MULTIPLIER} are possible, not {curve[name]}"
    if kind != DERCurveType.opModVoltVar:
        for name in _VOLT_VAR_ONLY:
            if name in curve:
                yield name, f"it is for opModVoltVar, not for {kind.name}"
    elif curve.get("autonomousVRefEnable") and "autonomousVRefTimeConstant" not in curve:
        yield "autonomousVRefTimeConstant", "it is needed where autonomousVRefEnable is true"
    yield from _point_faults(curve, is_power_factor=kind == DERCurveType.opModWattPF)


def _point_faults(curve: Data, is_power_factor: bool) -> Iterator[tuple[str, str]]:
    for point in curve["CurveData"]:
        at = f"the point {point['xvalue']},{point['yvalue']}"
        if is_power_factor and "excitation" not in point:
            yield "CurveData/excitation", f"{at} is a power factor: say whether vars are absorbed or injected"
        elif not is_power_factor and "excitation" in point:
            yield "CurveData/excitation", f"{at} is no power factor"
        if is_power_factor and not 0 < point["yvalue"] * 10.0 ** curve["yMultiplier"] <= 1:
            yield "CurveData/yvalue", f"{at} has a power factor that is not more than 0 and at most 1"


def _listed(references: tuple[DERUnitRef, ...]) -> str:
    return " or ".join(str(int(reference)) for reference in references)
