"""The standard's enumerations, each with the type in the schema and, where it matters, the edition.

The names are the standard's words. IntEnum and IntFlag members are integers, so documents and rows take them.
"""
from __future__ import annotations

from enum import IntEnum, IntFlag


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


class EventStatus(IntEnum):
    """EventStatus/currentStatus."""
    SCHEDULED = 0
    ACTIVE = 1
    CANCELLED = 2
    CANCELLED_RANDOMIZED = 3
    SUPERSEDED = 4


class ResponseRequired(IntFlag):
    """responseRequired of an event: the responses that the server asks for."""
    RECEIVED = 1 << 0
    SPECIFIC = 1 << 1
    CUSTOMER = 1 << 2


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


class DeviceCategory(IntFlag):
    """DeviceCategoryType: what a device is, and which devices an event is for."""
    THERMOSTAT = 1 << 0
    STRIP_HEATER = 1 << 1
    BASEBOARD_HEATER = 1 << 2
    WATER_HEATER = 1 << 3
    POOL_PUMP = 1 << 4
    SAUNA = 1 << 5
    HOT_TUB = 1 << 6
    SMART_APPLIANCE = 1 << 7
    IRRIGATION_PUMP = 1 << 8
    COMMERCIAL = 1 << 9
    ON_OFF = 1 << 10
    EXTERIOR_LIGHTING = 1 << 11
    INTERIOR_LIGHTING = 1 << 12
    LOAD_SWITCH = 1 << 13
    ENERGY_MANAGEMENT = 1 << 14
    ENERGY_MODULE = 1 << 15
    ELECTRIC_VEHICLE = 1 << 16
    EVSE = 1 << 17
    VIRTUAL_OR_MIXED_DER = 1 << 18
    RECIPROCATING_ENGINE = 1 << 19
    FUEL_CELL = 1 << 20
    PHOTOVOLTAIC = 1 << 21
    COMBINED_HEAT_AND_POWER = 1 << 22
    PV_AND_STORAGE = 1 << 23
    OTHER_GENERATION = 1 << 24
    OTHER_STORAGE = 1 << 25
    MICROGRID_CONTROLLER = 1 << 26  # 2023


class RoleFlags(IntFlag):
    """UsagePoint/roleFlags."""
    MIRROR = 1 << 0
    PREMISES = 1 << 1
    PEV = 1 << 2
    DER = 1 << 3
    REVENUE_QUALITY = 1 << 4
    DC = 1 << 5
    SUBMETER = 1 << 6


class ReasonCode(IntEnum):
    """Error/reasonCode."""
    FORMAT = 0
    VALUES = 1
    LIMIT = 2
    CONDITION_NOT_SUPPORTED = 3
    TOO_OFTEN = 4


class RequestStatus(IntEnum):
    """FlowReservationRequest/RequestStatus/requestStatus."""
    REQUESTED = 0
    CANCELLED = 1


class FlowDirection(IntEnum):
    """ReadingType/flowDirection: forward is delivered to the customer, reverse received from the customer."""
    NOT_APPLICABLE = 0
    FORWARD = 1
    REVERSE = 19


class Uom(IntEnum):
    """ReadingType/uom: the unit of a reading (IEC 61968-9)."""
    NONE = 0
    A = 5
    KELVIN = 6
    CELSIUS = 23
    V = 29
    J = 31
    HZ = 33
    W = 38
    VA = 61
    VAR = 63
    COS_PHI = 65
    VAH = 71
    WH = 72
    VARH = 73


class ReadingKind(IntEnum):
    """ReadingType/kind."""
    NOT_APPLICABLE = 0
    CURRENCY = 3
    DEMAND = 8
    ENERGY = 12
    POWER = 37


class AccumulationBehaviour(IntEnum):
    """ReadingType/accumulationBehaviour."""
    NOT_APPLICABLE = 0
    CUMULATIVE = 3
    DELTA = 4
    INDICATING = 6
    SUMMATION = 9
    INSTANTANEOUS = 12


class DataQualifier(IntEnum):
    """ReadingType/dataQualifier."""
    NOT_APPLICABLE = 0
    AVERAGE = 2
    MAXIMUM = 8
    MINIMUM = 9
    NORMAL = 12


class Commodity(IntEnum):
    """ReadingType/commodity, electricity."""
    NOT_APPLICABLE = 0
    ELECTRICITY_SECONDARY = 1
    ELECTRICITY_PRIMARY = 2


class ServiceKind(IntEnum):
    """UsagePoint/serviceCategoryKind."""
    ELECTRICITY = 0
    GAS = 1
    WATER = 2
    TIME = 3
    PRESSURE = 4
    HEAT = 5
    COOLING = 6


class UsagePointStatus(IntEnum):
    """UsagePoint/status."""
    OFF = 0
    ON = 1


class OperationalState(IntEnum):
    """DeviceStatus/opState."""
    NOT_APPLICABLE = 0
    NOT_OPERATING = 1
    OPERATING = 2
    STARTING = 3
    SHUTTING_DOWN = 4
    DISCONNECTED = 5
    RAMPING_W = 6
    RAMPING_VAR = 7


class BatteryStatus(IntEnum):
    """PowerStatus/batteryStatus."""
    UNKNOWN = 0
    NORMAL = 1
    LOW = 2
    DEPLETED = 3
    NOT_APPLICABLE = 4


class PowerSource(IntEnum):
    """PowerSourceType."""
    NONE = 0
    MAINS = 1
    BATTERY = 2
    LOCAL_GENERATION = 3
    EMERGENCY = 4
    UNKNOWN = 5


class FunctionsImplemented(IntFlag):
    """DeviceInformation/functionsImplemented, 2018 edition."""
    DEVICE_CAPABILITY = 1 << 0
    SELF_DEVICE = 1 << 1
    END_DEVICE = 1 << 2
    FUNCTION_SET_ASSIGNMENTS = 1 << 3
    SUBSCRIPTION = 1 << 4
    RESPONSE = 1 << 5
    TIME = 1 << 6
    DEVICE_INFORMATION = 1 << 7
    POWER_STATUS = 1 << 8
    NETWORK_STATUS = 1 << 9
    LOG_EVENT = 1 << 10
    CONFIGURATION = 1 << 11
    SOFTWARE_DOWNLOAD = 1 << 12
    DEMAND_RESPONSE = 1 << 13
    METERING = 1 << 14
    PRICING = 1 << 15
    MESSAGING = 1 << 16
    BILLING = 1 << 17
    PREPAYMENT = 1 << 18
    FLOW_RESERVATION = 1 << 19
    DER_CONTROL = 1 << 20


class LogFunctionSet(IntEnum):
    """LogEvent/functionSet."""
    GENERAL = 0
    DEMAND_RESPONSE = 5
    METERING = 6
    DER = 11
    SECURITY = 19


class LogProfile(IntEnum):
    """LogEvent/profileID."""
    NOT_APPLICABLE = 0
    VENDOR = 1
    IEEE_2030_5 = 2


class ReductionUnit(IntEnum):
    """UnitType of a TargetReduction."""
    KWH = 0
    KW = 1
    W = 2


class ApplianceLoadReduction(IntEnum):
    """ApplianceLoadReduction/type."""
    DELAY = 0
    TEMPORARY_REDUCTION = 1
