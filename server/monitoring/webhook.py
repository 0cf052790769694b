"""Posts about alarms to a webhook, as JSON with a signature.

The header Counterpoise-Signature is `t=TIME,v1=HEX`: HEX is the HMAC-SHA-256, with the key of the setting, of
`TIME.` followed by the body. Who receives it computes the same, compares, and refuses a TIME that is old.
"""
from __future__ import annotations

import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.config import settings
from server.monitoring.undelivered import Undelivered

if TYPE_CHECKING:
    from server.monitoring.notices import AlarmChange

TIMEOUT_S = 15
SIGNATURE = "Counterpoise-Signature"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: a redirect leads where nobody has looked."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return None, so that the answer counts as it is."""


def signature(key: bytes, at: int, body: bytes) -> str:
    """Return the value of the header for a body that is sent at an instant. Pure."""
    return f"t={at},v1={hmac.digest(key, f'{at}.'.encode() + body, 'sha256').hex()}"


def send(changes: Sequence[AlarmChange]) -> None:
    """Post changes of alarms. Undelivered where the receiver does not take them."""
    body = json.dumps({"alarms": [{"change": change.change, "at": change.at, **change.alarm}
                                  for change in changes]}).encode()
    try:
        key = Path(settings.alarm_webhook_key_file).read_bytes().strip()
        request = urllib.request.Request(settings.alarm_webhook, body, {
            "Content-Type": "application/json", SIGNATURE: signature(key, int(time.time()), body)})
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=TIMEOUT_S):
            return
    except (OSError, ValueError) as error:
        raise Undelivered(f"{settings.alarm_webhook}: {error}") from error
