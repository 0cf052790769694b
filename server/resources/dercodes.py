"""The standard's enumerations of DERs: what they report of their state, and what percentages refer to.

All other enumerations are in `codes`.
"""
from __future__ import annotations

from enum import IntEnum, IntFlag


class DERUnitRef(IntEnum):
    """DERUnitRefType: what a percentage is of."""
    NOT_APPLICABLE = 0
    SET_MAX_W = 1
    SET_MAX_VAR = 2
    STAT_VAR_AVAIL = 3
    SET_EFFECTIVE_V = 4
    SET_MAX_CHARGE_RATE_W = 5
    SET_MAX_DISCHARGE_RATE_W = 6
    STAT_W_AVAIL = 7


class ConnectStatus(IntFlag):
    """DERStatus/genConnectStatus and storConnectStatus, 2018 edition."""
    CONNECTED = 1 << 0
    AVAILABLE = 1 << 1
    OPERATING = 1 << 2
    TEST = 1 << 3
    FAULT = 1 << 4


class InverterStatus(IntEnum):
    """DERStatus/inverterStatus."""
    NOT_APPLICABLE = 0
    OFF = 1
    SLEEPING = 2
    STARTING = 3
    TRACKING = 4
    DERATED = 5
    SHUTTING_DOWN = 6
    FAULT = 7
    STANDBY = 8
    TEST = 9
    MANUFACTURER_STATUS = 10


class LocalControlModeStatus(IntEnum):
    """DERStatus/localControlModeStatus."""
    LOCAL = 0
    REMOTE = 1


class OperationalModeStatus(IntEnum):
    """DERStatus/operationalModeStatus."""
    NOT_APPLICABLE = 0
    OFF = 1
    OPERATIONAL = 2
    TEST = 3


class StorageModeStatus(IntEnum):
    """DERStatus/storageModeStatus."""
    CHARGING = 0
    DISCHARGING = 1
    HOLDING = 2


class Alarm(IntFlag):
    """DERStatus/alarmStatus."""
    OVER_CURRENT = 1 << 0
    OVER_VOLTAGE = 1 << 1
    UNDER_VOLTAGE = 1 << 2
    OVER_FREQUENCY = 1 << 3
    UNDER_FREQUENCY = 1 << 4
    VOLTAGE_IMBALANCE = 1 << 5
    CURRENT_IMBALANCE = 1 << 6
    EMERGENCY_LOCAL = 1 << 7
    EMERGENCY_REMOTE = 1 << 8
    LOW_POWER_INPUT = 1 << 9
    PHASE_ROTATION = 1 << 10


class DERControlMode(IntFlag):
    """DERControlType: the bits that name no element of DERControlBase (see dermodes for those that do)."""
    CHARGE = 1 << 0
    DISCHARGE = 1 << 1
