"""SelfDevice: the server itself as a device (IEEE 2030.5-2018, 8.4)."""
from __future__ import annotations

import ssl
from pathlib import Path

from server.config import settings
from server.devices import identity
from server.resources import store
from server.resources.hooks import seed


@seed
def _seed_self_device() -> None:
    """Create or update it, with the identity of the server's certificate."""
    data: dict[str, object] = {"sFDI": 0}
    path = Path(settings.certificate)
    if path.is_file():
        pem = path.read_text().partition("-----END CERTIFICATE-----")
        lfdi = identity.lfdi(ssl.PEM_cert_to_DER_cert(pem[0][pem[0].index("-----BEGIN"):] + pem[1] + "\n"))
        data = {"lFDI": lfdi, "sFDI": identity.sfdi(lfdi)}
    with store.transaction():
        document = store.get("/sdev")
        if document is None or (document.submitted or {}).get("sFDI") != data["sFDI"]:
            store.put("/sdev", data)
