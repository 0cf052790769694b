"""Certificates of devices that end soon, as they present them: noted in memory, and told by alarms."""
from __future__ import annotations

from server import alarms, clock
from server.config import settings
from server.devices.identity import Peer
from server.models import Device
from server.units import Instant, Lfdi

ALARM = "device certificate"
DAY_S = 86400
MOST = 10_000  # certificates that are remembered as told today
_noted: dict[Lfdi, float] = {}
_told: dict[Lfdi, Instant] = {}  # when each was told last by this process


def note(peer: Peer) -> None:
    """Note a certificate that was presented, if it ends soon."""
    if peer.ends_at < clock.now() + settings.alarm_certificate_days * DAY_S:
        _noted[peer.lfdi] = peer.ends_at


def flush() -> None:
    """Raise the alarms of what was noted, once a day for each device."""
    now = clock.now()
    while _noted:
        lfdi, ends_at = next(iter(_noted.items()))
        if not 0 <= now - _told.get(lfdi, -DAY_S) < DAY_S:
            device = Device.get_or_none(Device.lfdi == lfdi)
            if device is not None:
                days = int((ends_at - now) // DAY_S)
                alarms.raise_alarm(ALARM, f"device {device.id}", f"its certificate ends in {days} days")
            if len(_told) >= MOST:
                _told.clear()
            _told[lfdi] = now
        _noted.pop(lfdi, None)


def forget() -> None:
    """Forget what was noted and told."""
    _noted.clear()
    _told.clear()
