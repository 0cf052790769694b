"""Certificates that end soon: those of the server and of the authorities that it accepts, and of devices."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from server import clock
from server.alarmfindings import Finding
from server.config import settings

DAY_S = 86400


class End(NamedTuple):
    """A certificate of a file, by its subject, and when it ends."""
    path: str
    subject: str
    at: datetime

    def left_days(self, now: float) -> int:
        """Return how many days are left; negative where it has ended."""
        return int((self.at.timestamp() - now) // DAY_S)

    def in_words(self, now: float) -> str:
        """Return a sentence of it."""
        verb = "ended" if self.left_days(now) < 0 else "ends"
        return f"{self.path}: {self.subject} {verb} on {self.at:%Y-%m-%d}"


def paths() -> list[str]:
    """Return the files of certificates that the device interface uses, by the settings."""
    names = ("client_ca",) if settings.proxies else ("certificate", "further_certificate", "client_ca")
    return [path for name in names if (path := str(getattr(settings, name)))]


def ends(path: str) -> list[End]:
    """Return when each certificate of a file ends. OSError or ValueError where it cannot be read."""
    from cryptography import x509  # which takes a while to load
    return [End(path, certificate.subject.rfc4514_string() or "the server's certificate",
                certificate.not_valid_after_utc)
            for certificate in x509.load_pem_x509_certificates(Path(path).read_bytes())]


def ending() -> Iterator[Finding]:
    """Yield the certificates of files that end soon; a file that cannot be read is for `counterpoise check`
    to tell."""
    now = clock.now()
    for path in paths():
        try:
            of_file = ends(path)
        except (OSError, ValueError):
            continue
        for end in of_file:
            if end.left_days(now) < settings.alarm_certificate_days:
                yield Finding(f"certificate {end.subject} of {path}", end.in_words(now))
