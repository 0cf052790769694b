"""Codes of devices: what they are, what they report of themselves, and what they are answered."""
from __future__ import annotations

from enum import IntEnum, IntFlag


class DeviceCategory(IntFlag):
    """DeviceCategoryType: what a device is, and which devices an event is for.

    MICROGRID_CONTROLLER is of the 2023 edition.
    """
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
    MICROGRID_CONTROLLER = 1 << 26


class FunctionsImplemented(IntFlag):
    """DeviceInformation/functionsImplemented; those from DER_INFORMATION on are of the 2023 edition."""
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
    DER_INFORMATION = 1 << 21
    METERING_MIRROR = 1 << 22
    AGGREGATED_DEVICES = 1 << 23
    PROXIED_DEVICES = 1 << 24


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


class PowerSource(IntEnum):
    """PowerSourceType: DeviceInformation/primaryPower and secondaryPower, PowerStatus/currentPowerSource."""
    NONE = 0
    MAINS = 1
    BATTERY = 2
    LOCAL_GENERATION = 3
    EMERGENCY = 4
    UNKNOWN = 5


class BatteryStatus(IntEnum):
    """PowerStatus/batteryStatus; NOT_APPLICABLE is for what has no battery."""
    UNKNOWN = 0
    NORMAL = 1
    LOW = 2
    DEPLETED = 3
    NOT_APPLICABLE = 4


class InterfaceState(IntEnum):
    """IPInterface/ifOperStatus (RFC 2863, ifOperStatus)."""
    UP = 1
    DOWN = 2
    TESTING = 3
    UNKNOWN = 4
    DORMANT = 5
    NOT_PRESENT = 6
    LOWER_LAYER_DOWN = 7


class LinkLayer(IntEnum):
    """LLInterface/linkLayerType."""
    UNSPECIFIED = 0
    ETHERNET = 1
    WIRELESS_LAN = 2
    WIRELESS_PAN = 3
    POWER_LINE = 4


class TimeQuality(IntEnum):
    """Time/quality: where the time comes from; the lower, the more accurate."""
    EXTERNAL_SOURCE = 3
    LEVEL_4 = 4
    LEVEL_5 = 5
    LEVEL_6 = 6
    UNCOORDINATED = 7


class LogFunctionSet(IntEnum):
    """LogEvent/functionSet; those from SELF_DEVICE on are of the 2023 edition."""
    GENERAL = 0
    SUBSCRIPTION = 1
    END_DEVICE = 2
    FUNCTION_SET_ASSIGNMENTS = 3
    RESPONSE = 4
    DEMAND_RESPONSE = 5
    METERING = 6
    PRICING = 7
    MESSAGING = 8
    BILLING = 9
    PREPAYMENT = 10
    DER = 11
    TIME = 12
    SOFTWARE_DOWNLOAD = 13
    DEVICE_INFORMATION = 14
    POWER_STATUS = 15
    NETWORK_STATUS = 16
    LOG_EVENT = 17
    CONFIGURATION = 18
    SECURITY = 19
    SELF_DEVICE = 20
    FLOW_RESERVATION = 21
    METERING_MIRROR = 22
    AGGREGATED_DEVICES = 23
    PROXIED_DEVICES = 24


class LogProfile(IntEnum):
    """LogEvent/profileID: who defined the code."""
    NOT_APPLICABLE = 0
    VENDOR = 1
    IEEE_2030_5 = 2
    HOME_AUTOMATION = 3
    BUILDING_AUTOMATION = 4


class FileType(IntEnum):
    """File/type: what a file is; makers have 8000 to FFFF for their own."""
    SOFTWARE = 0
    CREDENTIAL = 1
    CONFIGURATION = 2
    LOG = 3


class FileStatus(IntEnum):
    """FileStatus/status: how far the loading of a file has come."""
    IDLE = 0
    LOADING = 1
    LOAD_FAILED = 2
    VERIFYING = 3
    VERIFICATION_FAILED = 4
    VERIFIED = 5
    ACTIVATION_FAILED = 6
    ACTIVATING = 7
    ACTIVATED = 8


class SubscriptionEncoding(IntEnum):
    """Subscription/encoding: application/sep+xml or application/sep-exi."""
    XML = 0
    EXI = 1


class NotificationStatus(IntEnum):
    """Notification/status: DEFAULT, or why the subscription is over."""
    DEFAULT = 0
    CANCELLED = 1
    RESOURCE_MOVED = 2
    RESOURCE_REDEFINED = 3
    RESOURCE_DELETED = 4


class Subscribable(IntEnum):
    """SubscribableType: which subscriptions a resource takes."""
    NONE = 0
    NON_CONDITIONAL = 1
    CONDITIONAL = 2
    BOTH = 3


class ReasonCode(IntEnum):
    """Error/reasonCode."""
    FORMAT = 0
    VALUES = 1
    LIMIT = 2
    CONDITION_NOT_SUPPORTED = 3
    TOO_OFTEN = 4
