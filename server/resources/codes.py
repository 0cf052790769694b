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
    """ReadingType/uom, the units that are used here."""
    W = 38
