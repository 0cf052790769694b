"""The standard's enumerations, by element or type of the schema.

Read `control` (events, Responses, DER, demand response), `modes` (DERControl modes and curves), `devices`,
`metering` and `customers` as you need them; import from the package. Names are the standard's words. Members
of IntEnum and IntFlag are integers, so that documents and rows take them.
"""
from __future__ import annotations

from server.resources.codes.control import (ALL_RESPONSES, OPT_INS, OPT_OUTS, Alarm, ApplianceLoadReduction,
                                            ConnectStatus, DERType, DERUnitRef, EventStatus, InverterStatus,
                                            LocalControlModeStatus, OperationalModeStatus, ReductionUnit,
                                            RequestStatus, ResponseRequired, ResponseStatus,
                                            StorageModeStatus)
from server.resources.codes.customers import (ChargeKind, CostKind, CreditStatus, CreditType, CurrencyCode,
                                              MessagePriority, PrepayMode, ServiceStatus)
from server.resources.codes.devices import (BatteryStatus, DeviceCategory, FileStatus, FunctionsImplemented,
                                            LogFunctionSet, LogProfile, NotificationStatus, OperationalState,
                                            PowerSource, ReasonCode, Subscribable, SubscriptionEncoding,
                                            TimeQuality)
from server.resources.codes.metering import (AccumulationBehaviour, Commodity, DataQualifier, FlowDirection,
                                             PhaseCode, QualityFlags, ReadingKind, RoleFlags, ServiceKind,
                                             Uom, UsagePointStatus)
from server.resources.codes.modes import DERControlType, DERControlType2, DERCurveType, DOEControlType

__all__ = [
    "ALL_RESPONSES", "AccumulationBehaviour", "Alarm", "ApplianceLoadReduction", "BatteryStatus",
    "ChargeKind", "Commodity", "ConnectStatus", "CostKind", "CreditStatus", "CreditType", "CurrencyCode",
    "DERControlType", "DERControlType2", "DERCurveType", "DERType", "DERUnitRef", "DOEControlType",
    "DataQualifier", "DeviceCategory", "EventStatus", "FileStatus", "FlowDirection",
    "FunctionsImplemented", "InverterStatus", "LocalControlModeStatus", "LogFunctionSet", "LogProfile",
    "MessagePriority", "NotificationStatus", "OPT_INS", "OPT_OUTS", "OperationalModeStatus",
    "OperationalState", "PhaseCode", "PowerSource", "PrepayMode", "QualityFlags", "ReadingKind",
    "ReasonCode", "ReductionUnit", "RequestStatus", "ResponseRequired", "ResponseStatus", "RoleFlags",
    "ServiceKind", "ServiceStatus", "StorageModeStatus", "Subscribable", "SubscriptionEncoding",
    "TimeQuality", "Uom", "UsagePointStatus",
]
