"""The codes of DERs, under the name that clients import them by until they import `codes`."""
from __future__ import annotations

from enum import IntFlag

from server.resources.codes import (Alarm, ConnectStatus, DERUnitRef, InverterStatus, LocalControlModeStatus,
                                    OperationalModeStatus, StorageModeStatus)

__all__ = ["Alarm", "ConnectStatus", "DERControlMode", "DERUnitRef", "InverterStatus",
           "LocalControlModeStatus", "OperationalModeStatus", "StorageModeStatus"]


class DERControlMode(IntFlag):
    """DERControlType: the bits that name no element of DERControlBase (see dermodes for those that do)."""
    CHARGE = 1 << 0
    DISCHARGE = 1 << 1
