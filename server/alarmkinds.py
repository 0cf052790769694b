"""Every kind of alarm: how soon somebody has to act, what to do, and whether it clears by itself."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Severity(StrEnum):
    """How soon somebody has to act."""
    INFO = "info"
    WARNING = "warning"  # today
    CRITICAL = "critical"  # now


SEVERITIES = tuple(Severity)  # the least severe first


@dataclass(frozen=True)
class AlarmKind:
    """What all alarms of a kind share.

    `lapses_after_s` is how long after it was raised last it clears by itself; null where something clears it.
    People are told of it through the channels, unless `told` says otherwise.
    """
    severity: Severity
    remedy: str
    lapses_after_s: int | None = None
    told: bool = True


KINDS = {
    "signal": AlarmKind(
        Severity.CRITICAL,
        "Find out at its source why the signal does not arrive (`counterpoise signal show`). The area goes "
        "on by what it knows."),
    "forecast": AlarmKind(
        Severity.WARNING,
        "Find out at its source why no newer forecast has come (`counterpoise forecast show`). The area goes "
        "on by its own measurements."),
    "plan": AlarmKind(
        Severity.WARNING,
        "See who did not follow: `counterpoise report nonresponders`, `counterpoise plan show`."),
    "limit": AlarmKind(
        Severity.CRITICAL,
        "See why: `counterpoise report day AREA`. Lower what the members do by `counterpoise dispatch`, or "
        "`counterpoise stop`."),
    "silent devices": AlarmKind(
        Severity.CRITICAL,
        "See whether devices reach this server: its address, port and certificate, and the network between "
        "(`counterpoise device list`)."),
    "responses": AlarmKind(
        Severity.WARNING,
        "See who does not answer: `counterpoise report nonresponders`, and `counterpoise trace DEVICE` of "
        "one of them."),
    "certificate": AlarmKind(
        Severity.CRITICAL, "Renew it, put it in the place of the old one, and send SIGHUP to the server."),
    "device certificate": AlarmKind(
        Severity.WARNING,
        "Have the device given a new certificate, and enrol it with that: it will be another LFDI.",
        2 * DAY_S),
    "device clock": AlarmKind(
        Severity.WARNING, "Have the device take the time from the server (Time), or set its clock.", DAY_S),
    "worker": AlarmKind(
        Severity.CRITICAL,
        "Start `counterpoise work`, and read its log for why it ended. Without it nothing is planned."),
    "database": AlarmKind(
        Severity.CRITICAL, "See whether the database runs and this machine reaches it."),
    "notices": AlarmKind(
        Severity.CRITICAL,
        "Correct the settings alarm_mail and those after it, or the server that they name. Alarms are in "
        "`counterpoise alarm list` alone meanwhile.", told=False),
    "webhook": AlarmKind(
        Severity.WARNING,
        "Look at `counterpoise webhook show`, mend the receiver, then `counterpoise webhook test`."),
    "clock": AlarmKind(
        Severity.CRITICAL,
        "Correct the clock of the machine, or run `counterpoise clock accept` there if it is right now."),
    "disk": AlarmKind(
        Severity.CRITICAL, "Make room on the disk of the database, or give it a larger one.", HOUR_S),
    "quota": AlarmKind(
        Severity.WARNING, "Find out why the device sends so much, or raise the quota (a setting).", HOUR_S),
    "work": AlarmKind(
        Severity.CRITICAL,
        "Report the error with its reference from the log. What it is about was left out.", HOUR_S),
    "implausible rating": AlarmKind(
        Severity.WARNING, "Correct it at the device, or set it with `counterpoise device rate`."),
    "implausible state of charge": AlarmKind(Severity.WARNING, "Correct what the device reports."),
    "implausible request": AlarmKind(Severity.WARNING, "Correct what the device asks for.", HOUR_S),
    "undelivered": AlarmKind(
        Severity.WARNING,
        "Ask who runs the receiver whether it is reachable, and by an address that it may have "
        "(`counterpoise subscription list`).", DAY_S),
    "untimely reading": AlarmKind(Severity.WARNING, "Set the clock of the device.", HOUR_S),
    "implausible reading": AlarmKind(
        Severity.WARNING,
        "Correct the multiplier or the rating at the device, or override its rating.", HOUR_S),
    "implausible area meter": AlarmKind(
        Severity.WARNING,
        "Correct the unit, the sign or the source of what `counterpoise signal push AREA measured` is given; "
        "it is tried again by itself."),
}
