"""The DefaultDERControl and the DERCurves of a virtual DER's program: set, clear, add."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server import audit
from server.grid.controls import modewords
from server.grid.controls.dercontrols import check_modes
from server.grid.controls.results import AddedCurve, DerDefault
from server.grid.groups import virtualders
from server.models import VirtualDER
from server.resources import codec, numbering, store


def _curve_state(added: AddedCurve) -> dict[str, Any]:
    return {**added["curve"], "href": added["href"], "vder": added["vder"]}


@audit.audited("control curve", "{vder} {href}", answer=_curve_state)
def add_curve(vder: str | int | VirtualDER, data: Mapping[str, Any]) -> AddedCurve:
    """Add a DERCurve to a virtual DER's program and return it with its href, by which controls name it."""
    owner = virtualders.find(vder)
    href = store.add("DERCurve", f"{owner.program}/dc", dict(data))
    return {"vder": owner.name, "href": href, "curve": dict(data)}


def show_default(vder: str | int | VirtualDER) -> DerDefault:
    """Return the DefaultDERControl of a virtual DER."""
    owner = virtualders.find(vder)
    document = store.get(f"{owner.program}/dderc")
    default = document.submitted if document is not None else None
    return {"vder": owner.name, "default": default,
            "in_words": modewords.in_words("DefaultDERControl", default or {})}


@audit.audited("vder default", "{vder}", state=show_default)
def set_default(
    vder: str | int | VirtualDER, base: Mapping[str, Any], elements: Mapping[str, Any] | None = None
) -> None:
    """Set the DefaultDERControl: `base` is its DERControlBase, `elements` its others (setGradW, …)."""
    owner = virtualders.find(vder)
    with store.transaction():
        check_modes(base)
        href = f"{owner.program}/dderc"
        previous = store.get(href)
        mrid = previous.submitted["mRID"] if previous is not None else numbering.new_mrid()
        store.put(href, {"mRID": mrid, "DERControlBase": dict(base), **(elements or {})})
        document = store.get(href)
        assert document is not None
        codec.decode(codec.wrap("DefaultDERControl", document.body))


@audit.audited("vder default", "{vder}", state=show_default)
def clear_default(vder: str | int | VirtualDER) -> None:
    """Remove the DefaultDERControl of a virtual DER."""
    store.remove(f"{virtualders.find(vder).program}/dderc")
