"""The DefaultDERControl and the DERCurves of a virtual DER's program: set, clear, add."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server import audit
from server.grid.controls import modewords
from server.grid.controls.modechecks import check_curve, check_modes
from server.grid.controls.results import AddedCurve, DerDefault
from server.grid.groups import programs, virtualders
from server.models import VirtualDER
from server.resources import codec, numbering, store


def _curve_state(added: AddedCurve) -> dict[str, Any]:
    return {**added["curve"], "href": added["href"], "vder": added["vder"]}


@audit.audited("control curve", "{vder} {href}", answer=_curve_state)
def add_curve(vder: str | int | VirtualDER, data: Mapping[str, Any]) -> AddedCurve:
    """Add a DERCurve to a virtual DER's program and return it with its href, by which controls name it."""
    owner = virtualders.find(vder)
    check_curve(data)
    href = store.add("DERCurve", f"{owner.program}/dc", dict(data))
    return {"vder": owner.name, "href": href, "curve": dict(data)}


def show_default(vder: str | int | VirtualDER) -> DerDefault:
    """Return the DefaultDERControl of a virtual DER, None where it says nothing."""
    owner = virtualders.find(vder)
    default = programs.default(owner)
    return {"vder": owner.name, "default": default,
            "in_words": modewords.in_words("DefaultDERControl", default or {})}


@audit.audited("vder default", "{vder}", state=show_default)
def set_default(
    vder: str | int | VirtualDER, base: Mapping[str, Any], elements: Mapping[str, Any] | None = None
) -> None:
    """Set the DefaultDERControl: `base` is its DERControlBase, `elements` its others (setGradW, …)."""
    owner = virtualders.find(vder)
    check_modes(base, owner.program)
    _put(owner, {"DERControlBase": dict(base), **(elements or {})})


def _put(owner: VirtualDER, content: Mapping[str, Any]) -> None:
    with store.transaction():
        href = f"{owner.program}/dderc"
        previous = store.get(href)
        mrid = previous.submitted["mRID"] if previous is not None else numbering.new_mrid()
        store.put(href, {"mRID": mrid, **content})
        codec.check_data("DefaultDERControl", {"mRID": mrid, **content})


@audit.audited("vder default", "{vder}", state=show_default)
def clear_default(vder: str | int | VirtualDER) -> None:
    """Let the DefaultDERControl of a virtual DER say nothing, or remove it where it had none from the start:
    it would hide that of the virtual DER above."""
    owner = virtualders.find(vder)
    if programs.has_default(owner):
        _put(owner, {"DERControlBase": {}})
    else:
        store.remove(f"{owner.program}/dderc")
