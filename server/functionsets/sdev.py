"""SelfDevice: the server itself as a device, and its DeviceInformation (IEEE 2030.5-2018, 8.4 and 9.3).

Whoever serves resources has a DeviceInformation of itself (9.3.3). Nobody else writes there (8.4.3).
"""
from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from server import clock
from server.config import settings
from server.devices import identity
from server.devices.requestcontext import Fragment, RequestContext
from server.resources import store
from server.resources.codes import OperationalState, PowerSource
from server.resources.hooks import instead, seed

Data = dict[str, Any]
_SELF, _INFORMATION, _STATUS = "/sdev", "/sdev/di", "/sdev/dstat"
_SINCE = ("mfDate", "swActTime")  # when this server, and this version of it, was seen first


@instead("GET", "SelfDeviceStatus")
def _status(context: RequestContext) -> Fragment:
    """Return that the server operates, which who reads it knows."""
    return context.fragment("DeviceStatus", _operating())


def _operating() -> Data:
    return {"changedTime": clock.now(), "opState": OperationalState.OPERATING}


@seed
def _seed_self_device() -> None:
    """Create or update them, with the identity of the server's certificate."""
    lfdi = _lfdi()
    data: Data = {"lFDI": lfdi, "sFDI": identity.sfdi(lfdi)} if lfdi else {"sFDI": 0}
    with store.transaction():
        document = store.get(_SELF)
        if document is None or (document.submitted or {}).get("sFDI") != data["sFDI"]:
            store.put(_SELF, data)
        _update_information(lfdi or "0" * 40, data["sFDI"])
        if store.get(_STATUS) is None:
            store.put(_STATUS, _operating())


def _lfdi() -> str:
    """Return the LFDI of the server's certificate, "" where it has none, as behind proxies."""
    path = Path(settings.certificate)
    if not path.is_file():
        return ""
    pem = path.read_text().partition("-----END CERTIFICATE-----")
    return identity.lfdi(ssl.PEM_cert_to_DER_cert(pem[0][pem[0].index("-----BEGIN"):] + pem[1] + "\n"))


def _update_information(lfdi: str, sfdi: int) -> None:
    document = store.get(_INFORMATION)
    stored = (document.submitted or {}) if document is not None else {}
    information = {
        "lFDI": lfdi, "mfHwVer": "none", "mfID": settings.enterprise, "mfModel": "Counterpoise",
        "mfSerNum": str(sfdi), "primaryPower": PowerSource.UNKNOWN, "secondaryPower": PowerSource.UNKNOWN,
        "swVer": _version()}
    if information != {key: value for key, value in stored.items() if key not in _SINCE}:
        now = clock.now()
        since = now if stored.get("swVer") != information["swVer"] else stored["swActTime"]
        store.put(_INFORMATION, {**information, "mfDate": stored.get("mfDate", now), "swActTime": since})


def _version() -> str:
    from importlib import metadata  # which takes a while, and only the start needs

    try:
        return metadata.version("counterpoise")
    except metadata.PackageNotFoundError:
        return "unknown"
