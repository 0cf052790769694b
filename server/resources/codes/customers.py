"""Codes of messages, prices, bills and prepayment (IEEE 2030.5-2018, 10.5 to 10.8)."""
from __future__ import annotations

from enum import IntEnum


class MessagePriority(IntEnum):
    """PriorityType: TextMessage/priority."""
    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3


class CostKind(IntEnum):
    """EnvironmentalCost/costKind: grams of CO2, SO2 or NOx in a unit, or the renewable part in percent."""
    CARBON_DIOXIDE = 0
    SULFUR_DIOXIDE = 1
    NITROGEN_OXIDES = 2
    RENEWABLE_GENERATION = 3


class ChargeKind(IntEnum):
    """Charge/kind of a BillingPeriod's readings."""
    CONSUMPTION = 0
    REBATE = 1
    AUXILIARY = 2
    DEMAND = 3
    TAX = 4


class CurrencyCode(IntEnum):
    """TariffProfile/currency, AccountingUnit/monetaryUnit: ISO 4217; the schema names these."""
    NOT_APPLICABLE = 0
    AUD = 36
    CAD = 124
    USD = 840
    EUR = 978


class PrepayMode(IntEnum):
    """Prepayment/prepayMode: who keeps the account."""
    CENTRAL_WALLET = 0
    ESI = 1
    LOCAL = 2
    CREDIT = 3


class CreditStatus(IntEnum):
    """AccountBalance/creditStatus and emergencyCreditStatus."""
    OK = 0
    LOW = 1
    EXHAUSTED = 2
    NEGATIVE = 3


class CreditType(IntEnum):
    """CreditRegister/creditType, PrepayOperationStatus/creditTypeInUse."""
    REGULAR = 0
    EMERGENCY = 1
    REGULAR_THEN_EMERGENCY = 2
    EMERGENCY_THEN_REGULAR = 3


class ServiceStatus(IntEnum):
    """PrepayOperationStatus/serviceStatus."""
    CONNECTED = 0
    DISCONNECTED = 1
    ARMED_FOR_CONNECT = 2
    ARMED_FOR_DISCONNECT = 3
    NO_CONTACTOR = 4
    LOAD_LIMITED = 5
