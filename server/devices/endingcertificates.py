"""When certificates of devices end: noted as they present them, kept with the device, and told by alarms."""
from __future__ import annotations

import math

from server import alarms, clock
from server.config import settings
from server.devices.identity import Peer
from server.models import Device, db
from server.resources import sql
from server.units import Instant, Lfdi

ALARM = "device certificate"
DAY_S = 86400
MOST = 10_000  # certificates that are remembered as told today
MOST_KEPT = 200_000  # certificates that are remembered as kept, by their LFDI, to which each belongs for ever
LAST = 253_402_300_799  # 9999-12-31T23:59:59Z
_noted: dict[Lfdi, float] = {}
_told: dict[Lfdi, Instant] = {}  # when each was told last by this process
_new: dict[Lfdi, Instant] = {}  # ends that are to be kept
_kept: set[Lfdi] = set()


def note(peer: Peer) -> None:
    """Note a certificate that was presented: when it ends, and whether that is soon."""
    if peer.ends_at < clock.now() + settings.alarm_certificate_days * DAY_S:
        _noted[peer.lfdi] = peer.ends_at
    if peer.lfdi not in _kept and math.isfinite(peer.ends_at) and len(_new) < MOST:
        _new[peer.lfdi] = int(min(peer.ends_at, LAST))


def flush() -> None:
    """Keep what is new, and raise the alarms of what was noted, once a day for each device."""
    _keep()
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


def _keep() -> None:
    """Write when new certificates end, of those that are enrolled; the others are looked at again."""
    new = dict(_new)
    if not new:
        return
    enrolled = {lfdi: ends_at for lfdi, ends_at in sql.among(
        "SELECT lfdi, certificate_ends_at FROM device WHERE lfdi IN ({})", new)}
    missing = {lfdi for lfdi, ends_at in enrolled.items() if ends_at != new[lfdi]}
    if missing:
        with db.atomic():
            for lfdi in sorted(missing):
                sql.execute("UPDATE device SET certificate_ends_at = ? WHERE lfdi = ?", new[lfdi], lfdi)
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept.update(enrolled)
    for lfdi in new:
        _new.pop(lfdi, None)


def forget() -> None:
    """Forget what was noted, kept and told."""
    for memory in (_noted, _told, _new, _kept):
        memory.clear()
