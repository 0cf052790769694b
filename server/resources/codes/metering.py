"""Codes of metering and mirroring (IEEE 2030.5-2018, 10.4 and 10.11; numbers of IEC 61968-9)."""
from __future__ import annotations

from enum import IntEnum, IntFlag


class RoleFlags(IntFlag):
    """UsagePoint/roleFlags."""
    MIRROR = 1 << 0
    PREMISES = 1 << 1
    PEV = 1 << 2
    DER = 1 << 3
    REVENUE_QUALITY = 1 << 4
    DC = 1 << 5
    SUBMETER = 1 << 6


class ServiceKind(IntEnum):
    """UsagePoint/serviceCategoryKind, TariffProfile/serviceCategoryKind."""
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


class AccumulationBehaviour(IntEnum):
    """ReadingType/accumulationBehaviour; BULK_QUANTITY is of the 2023 edition."""
    NOT_APPLICABLE = 0
    BULK_QUANTITY = 1
    CUMULATIVE = 3
    DELTA = 4
    INDICATING = 6
    SUMMATION = 9
    INSTANTANEOUS = 12


class Commodity(IntEnum):
    """ReadingType/commodity."""
    NOT_APPLICABLE = 0
    ELECTRICITY_SECONDARY = 1
    ELECTRICITY_PRIMARY = 2
    AIR = 4
    NATURAL_GAS = 7
    PROPANE = 8
    POTABLE_WATER = 9
    STEAM = 10
    WASTE_WATER = 11
    HEATING_FLUID = 12
    COOLING_FLUID = 13


class DataQualifier(IntEnum):
    """ReadingType/dataQualifier."""
    NOT_APPLICABLE = 0
    AVERAGE = 2
    MAXIMUM = 8
    MINIMUM = 9
    NORMAL = 12
    STANDARD_DEVIATION_OF_POPULATION = 29
    STANDARD_DEVIATION_OF_SAMPLE = 30


class FlowDirection(IntEnum):
    """ReadingType/flowDirection: FORWARD is delivered to the customer, REVERSE received from the customer.

    LAGGING, LEADING, NET, TOTAL and TOTAL_BY_PHASE are of the 2023 edition.
    """
    NOT_APPLICABLE = 0
    FORWARD = 1
    LAGGING = 2
    LEADING = 3
    NET = 4
    REVERSE = 19
    TOTAL = 20
    TOTAL_BY_PHASE = 21


class ReadingKind(IntEnum):
    """KindType: ReadingType/kind."""
    NOT_APPLICABLE = 0
    CURRENCY = 3
    DEMAND = 8
    ENERGY = 12
    POWER = 37


class PhaseCode(IntEnum):
    """ReadingType/phase; one bit for each conductor: 128 A, 64 B, 32 C, 1 N."""
    NOT_APPLICABLE = 0
    C = 32
    CN = 33
    CA = 40
    B = 64
    BN = 65
    BC = 66
    A = 128
    AN = 129
    AB = 132
    ABC = 224


class QualityFlags(IntFlag):
    """Reading/qualityFlags."""
    VALID = 1 << 0
    EDITED = 1 << 1
    ESTIMATED_REFERENCE_DAY = 1 << 2
    INTERPOLATED = 1 << 3
    QUESTIONABLE = 1 << 4
    DERIVED = 1 << 5
    PROJECTED = 1 << 6


class Uom(IntEnum):
    """UomType: ReadingType/uom, UnitValueType/unit. Pressures are in pascal."""
    NONE = 0
    A = 5
    KELVIN = 6
    CELSIUS = 23
    V = 29
    J = 31
    HZ = 33
    W = 38
    CUBIC_METRES = 42
    VA = 61
    VAR = 63
    COS_PHI = 65
    VOLTS_SQUARED = 67
    AMPERES_SQUARED = 69
    VAH = 71
    WH = 72
    VARH = 73
    AH = 106
    CUBIC_FEET = 119
    CUBIC_FEET_PER_HOUR = 122
    CUBIC_METRES_PER_HOUR = 125
    US_GALLONS = 128
    US_GALLONS_PER_HOUR = 129
    IMPERIAL_GALLONS = 130
    IMPERIAL_GALLONS_PER_HOUR = 131
    BTU = 132
    BTU_PER_HOUR = 133
    LITRES = 134
    LITRES_PER_HOUR = 137
    PRESSURE_GAUGE = 140
    PRESSURE_ABSOLUTE = 155
    THERM = 169
