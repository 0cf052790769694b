"""Certificates that this server's own authority issues to devices, and revokes.

The key of the authority is in the tree that `certs` makes, whose folder the setting `certificate_authority`
names. Without it nothing is issued here: the authority of a utility or a manufacturer does that elsewhere.
"""
from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from server import audit
from server.config import settings
from server.devices import certificatecheck, enrolment, identity
from server.errors import Refused
from server.units import Instant, Lfdi

KINDS = ("generic", "mobile", "post-manufacture", "test", "self-signed", "service-provider", "bulk")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_TAKEN = "there is a certificate called {!r} already: choose another name, such as {!r}"


class IssuedCertificate(TypedDict):
    """A certificate that was issued, and the PIN to enrol it with.

    `certificate` is the chain and `private_key` the key, both PEM. The key is shown now and never again; it
    is in a `file` that the server's user alone can read. A dry run has neither.
    """
    name: str
    kind: str
    lfdi: NotRequired[Lfdi]
    sfdi: NotRequired[int]
    pin: NotRequired[str]
    ends_at: NotRequired[Instant]
    certificate: NotRequired[str]
    private_key: NotRequired[str]
    file: str


class RevokedCertificate(TypedDict):
    """A certificate that was revoked, in which list, and what is still to be done for that to hold."""
    lfdi: Lfdi
    file: str
    warnings: list[str]


def folder() -> Path:
    """Return the folder of the authority. Refused (409) where none is set, or it has no key."""
    if not settings.certificate_authority:
        raise Refused(409, "this server issues no certificates: the key of the authority is elsewhere, and "
                           "its holder issues and revokes them. For an authority of its own, make one with "
                           "`certs dev` and name its folder in the setting certificate_authority")
    path = Path(settings.certificate_authority)
    if not (path / "authorities/issuer.key").is_file():
        raise Refused(409, f"{path} (setting certificate_authority) has no key of an authority, "
                           "authorities/issuer.key: make the tree with `certs dev`")
    return path


def _issued(issued: IssuedCertificate) -> dict[str, Any]:
    return {key: issued.get(key) for key in ("name", "kind", "lfdi", "ends_at", "file")}


@audit.audited("certificate issue", "{name}", answer=_issued)
def issue(name: str, kind: str, dry_run: bool) -> IssuedCertificate:
    """Issue a certificate to a device. Refused (400) for a name that is none of a file, (409) where it is
    taken or there is no authority here."""
    if not _NAME.fullmatch(name):
        raise Refused(400, f"name {name!r}: take letters, digits, hyphens, points and underscores, a letter "
                           "or digit first, 63 at the most")
    path = folder()
    file = path / f"{name}.pem"
    if file.exists() or (path / f"{name}.key").exists():
        raise Refused(409, _TAKEN.format(name, f"{name}-2"))
    if dry_run:
        return {"name": name, "kind": kind, "file": str(file)}
    from certs import dev  # which imports this package
    try:
        entry = dev.issue_device(path, name, kind)
        content, key = file.read_text(), (path / f"{name}.key").read_text()
    except FileExistsError:
        raise Refused(409, _TAKEN.format(name, f"{name}-2")) from None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    own = certificatecheck.certificates(content.encode())[0]
    return {"name": name, "kind": kind, "lfdi": entry["lfdi"], "sfdi": entry["sfdi"],
            "pin": f"{entry['pin']:06d}", "ends_at": certificatecheck.seconds(own.not_valid_after_utc),
            "certificate": content, "private_key": key, "file": str(file)}


def _unusable(path: Path, error: Exception) -> Refused:
    return Refused(409, f"the authority in {path} (setting certificate_authority) cannot be used: {error}")


def of_device(name: str) -> bytes:
    """Return the certificate of a device that this authority has issued. Refused (404) where it has issued
    none to it."""
    from certs import dev
    path, lfdi = folder(), enrolment.find(name).lfdi
    try:
        file = next((entry["certificate"] for entry in dev.read_entries(path) if entry["lfdi"] == lfdi), None)
        if file is not None:
            return (path / str(file)).read_bytes()
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(path, error) from None
    raise Refused(404, f"the authority of this server has issued no certificate to {name}: give the "
                       "certificate itself to whoever has issued it")


@audit.audited("certificate revoke", "{lfdi}", answer=dict)
def revoke(content: bytes, dry_run: bool) -> RevokedCertificate:
    """Revoke a certificate that the authority of this server has issued, for ever."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from certs import dev
    path = folder()
    own = certificatecheck.certificates(content)[0]
    pem = own.public_bytes(Encoding.PEM)
    try:
        issuer = dev.load_holder(path / "authorities/issuer.pem", path / "authorities/issuer.key").chain[0]
        if own.issuer != issuer.subject:
            raise Refused(409, f"{certificatecheck.name_of(own.issuer)} has issued it and has to revoke it: "
                               "its key is not here")
        file = path / "crl/issuer.pem"
        if not dry_run:
            dev.revoke(path, pem, datetime.now(UTC))
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    return {"lfdi": identity.lfdi(own.public_bytes(Encoding.DER)), "file": str(file),
            "warnings": _unread(file)}


def _unread(file: Path) -> list[str]:
    read = Path(settings.crl).resolve() if settings.crl else None
    if read in (file.resolve(), file.parent.resolve()):
        return []
    return [f"The device interface does not read this list: set crl to {file.parent}, and start it anew."]
