"""What operators can do: each operation is declared once.

A declaration has a name, typed arguments with unit and range, a role, a dry run, and a typed result.

The command line is made from these declarations. Read `declaration` first, then `arguments`. Each of
`devices`, `virtualders`, `maps`, `controls`, `dispatch`, `stops`, `drevents`, `messages`, `tariffs`,
`reservations`, `signals`, `envelopes`, `forecasts`, `plans`, `participation`, `contracts`, `readings`,
`files`, `bills`, `prepayments`, `mirrors`, `resources`, `subscriptions`, `pollrates`, `reports`, `alarms`,
`clockcheck`, `certificates`, `users`, `approvals`, `webhooks`, `serversettings`, `auditlog` and `maintenance`
declares the operations on one kind of thing and calls the packages below (`devicereports`, `personaldata` and
`traces` more of those on devices, `rulematches` of those on virtual DERs). `textfiles` reads files as text,
`seriesinput` those of time series, `enrolmentfiles` those of devices, which `bulkenrolment` and `devicefiles`
enrol, `elementvalues` the values of elements as people write them (`timetexts` their times), `orderedpower`
how much some order, `progress` tells interfaces how far long work is, `trials` are dry runs, `resulttypes`
what the declared type of a result says of a value in it.
"""
from __future__ import annotations

from importlib import import_module

from server.operations.declaration import Group

# The module that declares each group, in the order in which groups are listed. A module is loaded when one of
# its groups is asked for, since some need numpy and HiGHS.
MODULES = {
    "enrol": "devices",
    "device": "traces",
    "trace": "traces",
    "vder": "rulematches",
    "map": "maps",
    "feeder": "maps",
    "control": "controls",
    "preview": "controls",
    "dispatch": "dispatch",
    "stop": "stops",
    "resume": "stops",
    "dr": "drevents",
    "message": "messages",
    "tariff": "tariffs",
    "ev": "reservations",
    "signal": "signals",
    "envelope": "envelopes",
    "forecast": "forecasts",
    "history": "forecasts",
    "opt-out": "participation",
    "contract": "contracts",
    "plan": "plans",
    "responses": "readings",
    "readings": "readings",
    "file": "files",
    "bill": "bills",
    "prepay": "prepayments",
    "mirror": "mirrors",
    "resource": "resources",
    "subscription": "subscriptions",
    "poll-rate": "pollrates",
    "post-rate": "pollrates",
    "report": "reports",
    "baseline": "reports",
    "alarm": "alarms",
    "certificate": "certificates",
    "approval": "approvals",
    "user": "users",
    "token": "users",
    "setting": "serversettings",
    "webhook": "webhooks",
    "clock": "clockcheck",
    "audit": "auditlog",
    "reindex": "maintenance",
}


def load(name: str) -> Group:
    """The group of a name in MODULES."""
    module = import_module(f"{__name__}.{MODULES[name]}")
    groups: tuple[Group, ...] = module.GROUPS
    return next(group for group in groups if group.name == name)
