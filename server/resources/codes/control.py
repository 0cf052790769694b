"""Codes of events, Responses, DER and demand response (IEEE 2030.5-2018, 8.8, 10.2, 10.3, 10.9 and 10.10)."""
from __future__ import annotations

from enum import IntEnum, IntFlag


class EventStatus(IntEnum):
    """EventStatus/currentStatus (10.2); COMPLETED is of the 2023 edition, which no longer has SUPERSEDED."""
    SCHEDULED = 0
    ACTIVE = 1
    CANCELLED = 2
    CANCELLED_RANDOMIZED = 3
    SUPERSEDED = 4
    COMPLETED = 5


class ResponseRequired(IntFlag):
    """RespondableResource/responseRequired: the Responses that are asked for."""
    RECEIVED = 1 << 0
    SPECIFIC = 1 << 1
    CUSTOMER = 1 << 2


DEVICE_RESPONSES = ResponseRequired.RECEIVED | ResponseRequired.SPECIFIC
"""What devices can answer by themselves; CSIP asks for no more, since inverters have no customer to ask."""
ALL_RESPONSES = ResponseRequired.RECEIVED | ResponseRequired.SPECIFIC | ResponseRequired.CUSTOMER


class ResponseStatus(IntEnum):
    """Response/status (IEEE 2030.5-2018, table 27); RESUMED and NOT_SUPPORTED are of the 2023 edition."""
    RECEIVED = 1
    STARTED = 2
    COMPLETED = 3
    OPTED_OUT = 4
    OPTED_IN = 5
    CANCELLED = 6
    SUPERSEDED = 7
    PARTIAL_OPT_OUT = 8
    PARTIAL_OPT_IN = 9
    NO_PARTICIPATION = 10
    ACKNOWLEDGED = 11
    CANNOT_BE_DISPLAYED = 12
    ABORTED_OTHER_SERVER = 13
    ABORTED_OTHER_PROGRAM = 14
    RESUMED = 15
    NOT_SUPPORTED = 251
    NOT_APPLICABLE = 252
    INVALID = 253
    EXPIRED = 254


OPT_OUTS = frozenset({
    ResponseStatus.OPTED_OUT, ResponseStatus.PARTIAL_OPT_OUT, ResponseStatus.NO_PARTICIPATION})
"""The statuses by which a customer or device declines an event, in whole or in part."""
OPT_INS = frozenset({ResponseStatus.OPTED_IN, ResponseStatus.PARTIAL_OPT_IN})
"""The statuses by which one that had declined takes part again."""


class RequestStatus(IntEnum):
    """FlowReservationRequest/RequestStatus/requestStatus."""
    REQUESTED = 0
    CANCELLED = 1


class ReductionUnit(IntEnum):
    """UnitType: TargetReduction/type and AppliedTargetReduction/type."""
    KWH = 0
    KW = 1
    W = 2
    CUBIC_METRES = 3
    CUBIC_FEET = 4
    US_GALLONS = 5
    IMPERIAL_GALLONS = 6
    BTU = 7
    LITRES = 8
    KPA_GAUGE = 9
    KPA_ABSOLUTE = 10
    MEGAJOULES = 11
    UNITLESS = 12


class ApplianceLoadReduction(IntEnum):
    """ApplianceLoadReduction/type: put off starting, or reduce at once for a short time."""
    DELAY = 0
    TEMPORARY_REDUCTION = 1


class DERType(IntEnum):
    """DERCapability/type."""
    UNKNOWN = 0
    VIRTUAL_OR_MIXED = 1
    RECIPROCATING_ENGINE = 2
    FUEL_CELL = 3
    PHOTOVOLTAIC = 4
    COMBINED_HEAT_AND_POWER = 5
    OTHER_GENERATION = 6
    OTHER_STORAGE = 80
    ELECTRIC_VEHICLE = 81
    EVSE = 82
    PV_AND_STORAGE = 83


class ConnectStatus(IntFlag):
    """ConnectStatusType: DERStatus/genConnectStatus and storConnectStatus."""
    CONNECTED = 1 << 0
    AVAILABLE = 1 << 1
    OPERATING = 1 << 2
    TEST = 1 << 3
    FAULT = 1 << 4


class ConnectStatus2(IntFlag):
    """ConnectStatusType2: DERStatus/connectStatus of the 2023 edition."""
    CONNECTED = 1 << 0
    ENERGIZED = 1 << 1


class InverterStatus(IntEnum):
    """DERStatus/inverterStatus; TRACKING (of the maximum power point) is just running in 2023."""
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
    """DERStatus/alarmStatus (CSIP, table 14, has the LogEvents of each)."""
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


class DERUnitRef(IntEnum):
    """What a percentage is of: DERCurve/yRefType, FixedVar/refType; SET_MAX_VA is of the 2023 edition."""
    NOT_APPLICABLE = 0
    SET_MAX_W = 1
    SET_MAX_VAR = 2
    STAT_VAR_AVAIL = 3
    SET_EFFECTIVE_V = 4
    SET_MAX_CHARGE_RATE_W = 5
    SET_MAX_DISCHARGE_RATE_W = 6
    STAT_W_AVAIL = 7
    SET_MAX_VA = 8
