"""Settings that contradict each other, and files that settings name and that do not exist."""
from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from server.config.declarations import SETTINGS

if TYPE_CHECKING:
    from server.config.sources import Settings

# What is kept at the expense of the next.
PRICE_ORDER = ("price_limit", "price_unserved", "price_ramp", "price_imbalance", "price_wear",
               "price_lateness")


def contradictions(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each contradiction, which is one for every command."""
    certificate, key = settings.certificate, settings.key
    if bool(certificate) != bool(key):
        present, missing = ("certificate", "key") if certificate else ("key", "certificate")
        yield f"{settings.place(present)}: {present} is set and {missing} is empty. Set both."
    elif not certificate and not settings.proxies:
        yield ("certificate: it is empty, and so is proxies: there is no TLS. "
               "Set certificate and key, or name the proxies that end TLS.")
    elif certificate != SETTINGS["certificate"].default and key == SETTINGS["key"].default:
        yield (f"{settings.place('certificate')}: certificate is set and key is not, and {key} is the key of "
               "another certificate. Set both.")
    if bool(settings.further_certificate) != bool(settings.further_key):
        present, missing = (("further_certificate", "further_key") if settings.further_certificate
                            else ("further_key", "further_certificate"))
        yield f"{settings.place(present)}: {present} is set and {missing} is empty. Set both."
    elif "RSA" in settings.further_suites or "AES256-SHA256" in settings.further_suites.split(","):
        if not settings.further_certificate and not settings.proxies:
            yield (f"{settings.place('further_suites')}: a suite of RSA needs a certificate of the server "
                   "with a key of RSA. Set further_certificate and further_key.")
    if settings.registration and settings.pins and not Path(settings.pins).is_file():
        yield (f"{settings.place('pins')}: registration is on and there is no file {settings.pins}. "
               "Name a file with the PINs (JSON), or leave pins empty.")
    if settings.registration and settings.strict_access:
        yield (f"{settings.place('strict_access')}: registration is on, and strict_access shows no "
               "EndDeviceList to register in. Switch one of them off.")
    yield from _alarm_channels(settings)
    yield from _enterprise(settings)
    yield from _price_order(settings)
    clock_file = settings.clock.removeprefix("file:")
    if clock_file != settings.clock and not Path(clock_file).is_file():
        yield (f"{settings.place('clock')}: there is no file {clock_file}, the memory of a clock in steps. "
               "Leave clock empty for the system's.")


# What a setting needs beside it.
_NEEDED = (
    ("alarm_mail_to", "alarm_mail_from"), ("alarm_mail_to", "alarm_mail_server"),
    ("alarm_mail_user", "alarm_mail_password_file"), ("alarm_webhook", "alarm_webhook_key_file"))


def _alarm_channels(settings: Settings) -> Iterator[str]:
    """Yield a sentence for what is missing of a way in which people are told of alarms."""
    for name, needed in _NEEDED:
        if getattr(settings, name) and not getattr(settings, needed):
            yield f"{settings.place(name)}: {name} is set and {needed} is empty. Set both."
    if settings.alarm_mail_user and settings.alarm_mail_security == "none":
        yield (f"{settings.place('alarm_mail_user')}: without TLS anybody on the way can read the password. "
               "Set alarm_mail_security to starttls or tls.")


def _enterprise(settings: Settings) -> Iterator[str]:
    """Yield a sentence for an enterprise number that mRIDs have no room for."""
    if settings.profile == "csip-aus" and settings.enterprise > 99_999_999:
        yield (f"{settings.place('enterprise')}: {settings.enterprise} has more than eight decimal digits, "
               "with which mRIDs end in the profile csip-aus. Correct it.")


def _price_order(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each price of the balance that is not below the one that stands above it."""
    for higher, lower in pairwise(PRICE_ORDER):
        if getattr(settings, lower) >= getattr(settings, higher):
            yield (f"{settings.place(lower)}: {lower} is {getattr(settings, lower):g}, {higher} "
                   f"{getattr(settings, higher):g}, and that has to cost more. Lower {lower}, or raise "
                   f"{higher}.")


def missing_files(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each file that is needed to serve devices and that cannot be read."""
    for setting in SETTINGS.values():
        path = str(getattr(settings, setting.name))
        if not setting.file or settings.proxies and setting.name in ("certificate", "key"):
            continue
        if not Path(path).is_file():
            fault = "there is no such file"
        elif not os.access(path, os.R_OK):
            fault = "this user may not read that file"
        else:
            continue
        yield (f"{settings.place(setting.name)}: {path}: {fault}. Name {setting.help}, or make certificates "
               "for development: counterpoise certs dev")
