"""What a device says of itself beside its DERs: information, status, settings (IEEE 2030.5-2018, 9)."""
from __future__ import annotations

from server.resources import hexbinary, store
from server.units import Elements, Href

_SINGLE = ("DeviceInformation", "DeviceStatus", "PowerStatus", "Configuration", "FileStatus")
# The lists of these, by the step below EndDevice.
_LISTS = {"SupportedLocale": "di/loc", "IPInterface": "ns", "PriceResponseCfg": "cfg/prcfg"}


def of(device: Href) -> dict[str, Elements]:
    """Return what a device (the href of its EndDevice) has put, by resource, as elements of the standard."""
    said: dict[str, Elements] = {
        document.kind: hexbinary.comparable(document.submitted)
        for document in store.items(device) if document.submitted and document.kind in _SINGLE}
    for kind, step in _LISTS.items():
        items = [hexbinary.comparable(document.submitted) for document in store.items(f"{device}/{step}")]
        if items:
            said[f"{kind}List"] = {kind: items}
    return said
