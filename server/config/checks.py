"""Rules for text settings: URL, address, time zone, pace of the clock."""
from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from server import currencies

MAX_NAME_LENGTH = 32  # DERProgram.description, which carries the name of a virtual DER, is a String32
FASTEST_PACE = 1e6    # clock seconds per second
_MONTH_AND_DAY = len("12-25")
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_MAIL = re.compile(r"[^@\s<>,]+@[A-Za-z0-9.-]+")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_PASSWORD = re.compile(r"(?<=://)([^:/?#\s]*):(.*)@|\b((?:ssl)?password=)[^&\s]+", re.IGNORECASE)


@dataclass(frozen=True)
class Check:
    """A rule for a text.

    `allowed` names the accepted texts. `fault` returns why a text is refused, "" where it is accepted.
    """
    allowed: str
    fault: Callable[[str], str]


def masked(text: str) -> str:
    """The text with the passwords of its URLs replaced by asterisks."""
    return _PASSWORD.sub(lambda match: f"{match[3]}***" if match[3] else f"{match[1]}:***@", text)


def _database_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (a ValueError here is the answer; its text may show the password)
    except ValueError:
        return "is not a valid URL"
    if parts.scheme == "sqlite":
        return "" if url.partition(":///")[2] else "names no file"
    if parts.scheme == "postgresql":
        return "" if parts.path.strip("/") else "names no database"
    return f"has the unknown scheme {parts.scheme!r}" if parts.scheme else "has no scheme"


def addresses(hosts: str) -> list[str]:
    """Return the addresses and host names of a list, an IPv6 address without its brackets."""
    names = [name.strip() for name in hosts.split(",")]
    return [name[1:-1] if name.startswith("[") and name.endswith("]") else name for name in names]


def authority(host: str, port: int) -> str:
    """Return host and port as in a URL: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _hosts_fault(hosts: str) -> str:
    names = addresses(hosts)
    if "::" in names and "0.0.0.0" in names:
        return "has 0.0.0.0 beside ::, which is all addresses of both kinds"
    faults = (fault for name in names if (fault := _host_fault(name)))
    return next(faults, "has an address twice" if len(set(names)) < len(names) else "")


def _host_fault(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        if not all(map(_HOST_LABEL.fullmatch, labels)) or labels[-1].isdigit():
            return "is neither an IP address nor a host name" if host else "has an empty entry"
    return ""


def _networks_fault(networks: str) -> str:
    if not networks:
        return ""
    names = [name.strip() for name in networks.split(",")]
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError as error:
            return f"is not a list of IP addresses or networks: {error}" if name else "has an empty entry"
    return ""


def _header_fault(name: str) -> str:
    return "" if _HEADER.fullmatch(name) else "is not the name of an HTTP header"


def _time_zone_fault(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return "is not an IANA time zone"
    return ""


def _holidays_fault(days: str) -> str:
    """Return what is wrong with a list of days; `server.grid.series.daytypes` reads it."""
    for day in filter(None, (part.strip() for part in days.split(","))):
        try:
            date.fromisoformat(f"2024-{day}" if len(day) == _MONTH_AND_DAY else day)
        except ValueError:
            return f"has {day}, which is not a day such as 2026-12-25 or 12-25"
    return ""


def _pace_fault(pace: str) -> str:
    """Return what is wrong with a pace; `server.clock.follow` says what one is."""
    if pace.startswith("file:"):
        return "" if pace.removeprefix("file:") else "names no file"
    if not pace:
        return ""
    try:
        numbers = [float(part) for part in pace.removesuffix("x").split("@")]
    except ValueError:
        return "is not a pace of the clock"
    if not all(map(math.isfinite, numbers)) or len(numbers) not in (1, 3):
        return "is not a pace of the clock"
    slowest = 0.0 if len(numbers) == 3 else math.ulp(0.0)  # another process's clock may stand still
    return "" if slowest <= numbers[0] <= FASTEST_PACE else f"is not between 0x and {FASTEST_PACE:g}x"


def _name_fault(name: str) -> str:
    if len(name) > MAX_NAME_LENGTH:
        return f"has more than {MAX_NAME_LENGTH} characters"
    return "has digits only, so that it looks like a number of a virtual DER" if name.isdigit() else ""


FURTHER_SUITES = ("AES256-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                  "ECDHE-ECDSA-AES256-SHA384")  # by OpenSSL's names


def _suites_fault(text: str) -> str:
    unknown = [name for name in text.split(",") if name.strip() and name.strip() not in FURTHER_SUITES]
    return f"has {', '.join(map(repr, unknown))}" if unknown else ""


def _pattern_fault(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is no regular expression: {error}"
    return ""


def _digest_fault(text: str) -> str:
    return "" if not text or _DIGEST.fullmatch(text) else "is no SHA-256"


def _path_fault(path: str) -> str:
    return "" if path.strip() else "is empty"


def _currency_fault(text: str) -> str:
    try:
        currencies.number(text or "EUR")
    except ValueError as error:
        return str(error)
    return ""


def _mail_fault(text: str) -> str:
    wrong = [address for address in text.split(",") if text and not _MAIL.fullmatch(address.strip())]
    return f"has {wrong[0].strip()!r}, which is no address" if wrong else ""


def _url_fault(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return "is not a valid URL"
    return "" if not text or parts.scheme in ("https", "http") and parts.hostname else "is no http(s) URL"


def _issuer_fault(text: str) -> str:
    """By http what a provider says could be altered on the way, save on this machine."""
    if fault := _url_fault(text):
        return fault
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        return "has a query or a fragment, which no issuer has"
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return "is no https URL" if parts.scheme == "http" and not is_local else ""


def _tiles_fault(text: str) -> str:
    missing = [part for part in ("{z}", "{x}", "{y}") if text and part not in text]
    return _url_fault(text) or (f"has no {missing[0]}" if missing else "")


DATABASE = Check("sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE", _database_fault)
HOLIDAYS = Check("days such as 2026-04-06, or 12-25 for every year, separated by commas", _holidays_fault)
HOST = Check("IP addresses or host names, separated by commas", _hosts_fault)
NETWORKS = Check("IP addresses or networks, separated by commas", _networks_fault)
SUITES = Check(f"some of {', '.join(FURTHER_SUITES)}, separated by commas", _suites_fault)
HEADER = Check("letters, digits and hyphens, a letter first", _header_fault)
CURRENCY = Check("letters such as EUR, or the number of ISO 4217", _currency_fault)
TIME_ZONE = Check("an IANA time zone such as Europe/Berlin", _time_zone_fault)
PACE = Check("empty (the system's clock), a factor such as 60x, or file:PATH", _pace_fault)
NAME = Check(f"up to {MAX_NAME_LENGTH} characters, not only digits", _name_fault)
PATTERN = Check("a regular expression", _pattern_fault)
DIGEST = Check("64 hexadecimal digits, as of: printf %s TOKEN | sha256sum", _digest_fault)
PATH = Check("the path of a file", _path_fault)
MAIL = Check("addresses such as shift@example.org, separated by commas", _mail_fault)
TILES = Check("a URL such as https://host/{z}/{x}/{y}.png, or nothing", _tiles_fault)
ISSUER = Check("an https URL such as https://login.example.org, or nothing", _issuer_fault)
URL = Check("an absolute URL such as https://host/path", _url_fault)
