"""The standard's enumerations, by element or type of the schema.

Read `control` (events, Responses, DER, demand response), `modes` (DERControl modes and curves), `devices`,
`metering`, `customers` and `logevents` (what the codes of LogEvents mean) as you need them; import from the
package, save the last. Names are the standard's words. Members
of IntEnum and IntFlag are integers, so that documents and rows take them. A module is loaded when something
in it is asked for: a command needs the statuses of events, but not the currencies.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.resources.codes.control import (ALL_RESPONSES, DEVICE_RESPONSES, OPT_INS, OPT_OUTS, Alarm,
                                                ApplianceLoadReduction, ConnectStatus, ConnectStatus2,
                                                DERType, DERUnitRef, EventStatus, InverterStatus,
                                                LocalControlModeStatus, OperationalModeStatus, ReductionUnit,
                                                RequestStatus, ResponseRequired, ResponseStatus,
                                                StorageModeStatus)
    from server.resources.codes.customers import (ChargeKind, CostKind, CreditStatus, CreditType,
                                                  CurrencyCode, MessagePriority, PrepayMode, ServiceStatus)
    from server.resources.codes.devices import (BatteryStatus, DeviceCategory, FileStatus, FileType,
                                                FunctionsImplemented, LogFunctionSet, LogProfile,
                                                NotificationStatus, OperationalState, PowerSource, ReasonCode,
                                                Subscribable, SubscriptionEncoding, TimeQuality)
    from server.resources.codes.metering import (AccumulationBehaviour, Commodity, DataQualifier,
                                                 FlowDirection, PhaseCode, QualityFlags, ReadingKind,
                                                 RoleFlags, ServiceKind, Uom, UsagePointStatus)
    from server.resources.codes.modes import DERControlType, DERControlType2, DERCurveType, DOEControlType

__all__ = [
    "ALL_RESPONSES", "AccumulationBehaviour", "Alarm", "ApplianceLoadReduction", "BatteryStatus",
    "ChargeKind", "Commodity", "ConnectStatus", "ConnectStatus2", "CostKind", "CreditStatus", "CreditType",
    "CurrencyCode",
    "DERControlType", "DERControlType2", "DERCurveType", "DERType", "DERUnitRef", "DEVICE_RESPONSES",
    "DOEControlType", "DataQualifier", "DeviceCategory", "EventStatus", "FileStatus", "FileType",
    "FlowDirection", "FunctionsImplemented", "InverterStatus", "LocalControlModeStatus", "LogFunctionSet",
    "LogProfile", "MessagePriority", "NotificationStatus",
    "OPT_INS", "OPT_OUTS", "OperationalModeStatus", "OperationalState", "PhaseCode", "PowerSource",
    "PrepayMode", "QualityFlags", "ReadingKind", "ReasonCode", "ReductionUnit", "RequestStatus",
    "ResponseRequired", "ResponseStatus", "RoleFlags", "ServiceKind", "ServiceStatus",
    "StorageModeStatus", "Subscribable", "SubscriptionEncoding", "TimeQuality", "Uom", "UsagePointStatus",
]
# The module of each, by the same names.
_NAMES = {
    "control": (
        "ALL_RESPONSES DEVICE_RESPONSES OPT_INS OPT_OUTS Alarm ApplianceLoadReduction ConnectStatus "
        "ConnectStatus2 DERType DERUnitRef EventStatus InverterStatus LocalControlModeStatus "
        "OperationalModeStatus ReductionUnit "
        "RequestStatus ResponseRequired ResponseStatus StorageModeStatus"),
    "customers": (
        "ChargeKind CostKind CreditStatus CreditType CurrencyCode "
        "MessagePriority PrepayMode "
        "ServiceStatus"),
    "devices": (
        "BatteryStatus DeviceCategory FileStatus FileType FunctionsImplemented LogFunctionSet LogProfile "
        "NotificationStatus OperationalState PowerSource ReasonCode Subscribable SubscriptionEncoding "
        "TimeQuality"),
    "metering": (
        "AccumulationBehaviour Commodity DataQualifier FlowDirection PhaseCode QualityFlags "
        "ReadingKind RoleFlags ServiceKind Uom UsagePointStatus"),
    "modes": (
        "DERControlType DERControlType2 DERCurveType DOEControlType"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """An enumeration, from the module that has it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # the next time it is found without this
    return value
