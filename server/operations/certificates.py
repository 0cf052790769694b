"""`certificate`: whether one would be let in and why not, which end when, and those of an own authority."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypedDict

from server import clock, scopes
from server.devices import certificatecheck, issuing
from server.devices.certificatecheck import CheckedCertificate
from server.devices.issuing import IssuedCertificate, RevokedCertificate
from server.errors import BadArgument
from server.models import Device
from server.monitoring import certificates as files
from server.operations.declaration import Arg, DryRun, Group, Role, UploadedFile
from server.units import Instant, Lfdi, Seconds

certificate = Group("certificate", """
    Certificates of devices and of the server: whether they are let in, and when they end.

    `certs` makes and shows certificates as files.
    """, default="list")
GROUPS = (certificate,)
DAY_S = 86_400
Pem = Annotated[str, Arg("A certificate as text (PEM), followed by those of its issuers.", metavar="TEXT")]
CertificateFile = Annotated[UploadedFile | None, Arg("The same as a file, PEM or DER.", option="file")]


class CertificateRow(TypedDict):
    """A certificate that ends: of an enrolled device, as it has shown it, or in a file of the server.

    `left_s` is how long it still is valid, negative where it has ended.
    """
    holder: str
    lfdi: Lfdi | None
    subject: str
    ends_at: Instant
    left_s: int


@certificate.operation("check", role=Role.VIEWER)
def check(*, pem: Pem = "", file: CertificateFile = None) -> CheckedCertificate:
    """Check whether the device interface would let a certificate in, and if not, why: by trust, dates,
    revocation and enrolment."""
    return certificatecheck.check(_content(pem, file))


def _content(pem: str, file: UploadedFile | None) -> bytes:
    if bool(pem.strip()) == (file is not None):
        raise BadArgument("pem", "specify either the text or `file`")
    return pem.encode() if file is None else file.content


@certificate.operation("list", role=Role.VIEWER, in_subtree=True)
def list_certificates(
    *,
    within_s: Annotated[Seconds, Arg("Only those that end within this time, or have ended.")] = 365 * DAY_S,
    limit: Annotated[int, Arg("The first so many of devices.", least=1, most=1000)] = 100,
) -> list[CertificateRow]:
    """List the certificates that end first: those of the server, and those of devices since they connected
    last."""
    now = clock.now()
    until = now + within_s
    devices = scopes.devices(Device.select()).where(Device.certificate_ends_at <= until).order_by(
        Device.certificate_ends_at, Device.id).limit(limit)
    rows: list[CertificateRow] = [
        {"holder": device.name or f"device {device.id}", "lfdi": device.lfdi, "subject": "",
         "ends_at": device.certificate_ends_at, "left_s": device.certificate_ends_at - now}
        for device in devices]
    if scopes.top() is None:
        rows += [row for row in _of_files(now) if row["ends_at"] <= until]
    return sorted(rows, key=lambda row: row["ends_at"])


def _of_files(now: Instant) -> list[CertificateRow]:
    """The certificates of the server's files; those that cannot be read are for `counterpoise check`."""
    rows: list[CertificateRow] = []
    for path in files.paths():
        try:
            ends = files.ends(path)
        except (OSError, ValueError):
            continue
        for end in ends:
            at = certificatecheck.seconds(end.at)
            rows.append({"holder": Path(path).name, "lfdi": None, "subject": end.subject, "ends_at": at,
                         "left_s": at - now})
    return rows


@certificate.operation("issue", role=Role.ADMINISTRATOR, shows_secret=True)
def issue(
    name: Annotated[str, Arg("What its files are called.", metavar="NAME")],
    *,
    kind: Annotated[str, Arg("The kind of device that its policy names.", choices=issuing.KINDS)] = "generic",
    dry_run: DryRun = False,
) -> IssuedCertificate:
    """Issue a certificate to a device by the authority of this server (`certificate_authority`).

    The LFDI is a hash of the certificate: a device that gets another one is enrolled anew by that.
    """
    return issuing.issue(name, kind, dry_run)


@certificate.operation("revoke", role=Role.ADMINISTRATOR,
                       confirm="Revoke the certificate? That cannot be undone.")
def revoke(
    device: Annotated[str | None, Arg("A device to which it was issued.", metavar="[DEVICE]")] = None,
    *,
    pem: Pem = "",
    file: CertificateFile = None,
    dry_run: DryRun = False,
) -> RevokedCertificate:
    """Revoke a certificate that the authority of this server has issued. The device interface refuses it
    within a second, where the setting `crl` names the list."""
    if device is not None and not pem and file is None:
        return issuing.revoke(issuing.of_device(device), dry_run)
    if device is not None:
        raise BadArgument("device", "specify either a device or its certificate")
    return issuing.revoke(_content(pem, file), dry_run)
