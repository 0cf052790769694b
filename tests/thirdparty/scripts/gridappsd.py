"""Reads DeviceCapability and an EndDevice with gridappsd-2030-5-client, and says the elements that it found.

`python gridappsd.py URL CERTIFICATE KEY AUTHORITY NUMBER`
"""
from __future__ import annotations

import json
import sys
from typing import Any

from gridappsd_2030_5_client.client import ContentType, IEEE2030Client, IEEE2030EventHandler


def names(document: dict[str, Any]) -> list[str]:
    """Return the names of a document and of what is in it, without namespaces."""
    (root, content), = document.items()
    return [name.rpartition("}")[2] for name in (root, *content)]


url, certificate, key, authority, number = sys.argv[1:]
client = IEEE2030Client(url, IEEE2030EventHandler(), certificate, key, authority, ContentType.XML)
print(json.dumps([names(client.get_device_capability()), names(client.get_end_device(number))]))
