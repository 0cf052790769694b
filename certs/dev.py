"""A tree of certificates in files, for development and for small deployments: created, extended, described.

    ca.pem                       the root that devices and servers trust
    server.pem, server.key       the server and the authorities above it, without the root
    device-1.pem, device-1.key   a device, and further ones; aggregator.*, operator.*
    device-1.json                what devices.json has of this device alone, for `counterpoise enrol --from`
    operators.pem                the root of the users of the operator interface
    devices.json                 name, kind, lfdi, sfdi, pin, certificate, key of each device and aggregator
    authorities/                 root, manufacturer, issuer: chains with the root, and the keys that sign
    crl/issuer.pem               what `revoke` has revoked; name the folder in the setting crl
    crl-operators.pem            the same of operators, for the setting console_operator_crl
"""
from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from server.devices import identity
from server.devices.trust import Authorities, Untrusted

from . import authority
from .authority import Holder

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
CHAIN = ("issuer", "manufacturer", "root")


def make_dev(
    path: str | Path, devices: int = 8, names: Iterable[str] = LOCAL_NAMES, force: bool = False
) -> list[dict[str, Any]]:
    """Create or extend the tree at `path`, and return the entries of its devices.json.

    The tree has at least so many devices, and a server with these names. A tree that is complete and valid is
    only extended, unless `force` is set; any other is replaced as a whole.
    """
    path = Path(path)
    if force or tree_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))    # mode 0700
        try:
            create_tree(fresh, names)
            issue_devices(fresh, devices)
            replace(path, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    else:
        issue_devices(path, devices)
    return read_entries(path)


def create_tree(path: Path, names: Iterable[str]) -> None:
    """Create the authorities, the server, an aggregator and an operator in an empty directory."""
    root = authority.root("Counterpoise development root")
    manufacturer = authority.authority(root, "Counterpoise development manufacturer", below=1)
    issuer = authority.authority(manufacturer, "Counterpoise development issuer")
    operators = authority.root("Counterpoise development operators")
    (path / "authorities").mkdir(mode=0o700)
    for name, holder in zip(CHAIN, (issuer, manufacturer, root), strict=True):
        chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in holder.chain)
        write_private(path / f"authorities/{name}.pem", chain)
        write_private(path / f"authorities/{name}.key", holder.key_pem())
    write_private(path / "authorities/operators.key", operators.key_pem())
    write_private(path / "ca.pem", root.pem())
    write_private(path / "operators.pem", operators.pem())
    write_holder(path, "server", authority.server(issuer, names))
    write_holder(path, "operator", authority.operator(operators, "operator"))
    write_holder(path, "aggregator", authority.aggregator(issuer, "aggregator"))
    write_entries(path, [new_entry(path, "aggregator", "aggregator")])


def issue_devices(path: Path, devices: int) -> None:
    """Issue devices until the tree has so many."""
    for number in range(1, devices + 1):
        if not (path / f"device-{number}.pem").exists():
            issue_device(path, f"device-{number}")


def issue_device(
    path: str | Path, name: str, kind: str = "generic", serial: bytes | None = None
) -> dict[str, Any]:
    """Add a device to a tree (NAME.pem, NAME.key, NAME.json), and return its entry.

    `kind` is one of authority.POLICIES. Raises FileExistsError if there is one with that name.
    """
    path = Path(path)
    issuer = load_holder(path / "authorities/issuer.pem", path / "authorities/issuer.key")
    write_holder(path, name, authority.device(issuer, serial or secrets.token_bytes(8), kind))
    entry = new_entry(path, name, "device")
    write_entries(path, [*read_entries(path), entry])
    replace_private(path / f"{name}.json", [entry])
    return entry


def issue_operator(path: str | Path, name: str, end: datetime) -> dict[str, Any]:
    """Issue a certificate of a user of the operator interface (NAME.pem, NAME.key), and describe it. Raises
    FileExistsError if there is one with that name."""
    path = Path(path)
    write_holder(path, name, authority.operator(_operators(path), name, end))
    return {**describe((path / f"{name}.pem").read_bytes()), "file": str(path / f"{name}.pem")}


def _operators(path: Path) -> Holder:
    return load_holder(path / "operators.pem", path / "authorities/operators.key")


def revoke(path: str | Path, certificate: bytes, now: datetime) -> dict[str, Any]:
    """Revoke a certificate (PEM) that the issuer of a tree has issued, or the root of its operators; return
    its LFDI and the list's file.

    ValueError where another authority has issued it.
    """
    path = Path(path)
    issuer = load_holder(path / "authorities/issuer.pem", path / "authorities/issuer.key")
    file = path / "crl/issuer.pem"
    revoked = x509.load_pem_x509_certificates(certificate)[0]
    if (path / "operators.pem").exists() and revoked.issuer == _operators(path).chain[0].subject:
        issuer, file = _operators(path), path / "crl-operators.pem"
    if revoked.issuer != issuer.chain[0].subject:
        other = revoked.issuer.rfc4514_string()
        raise ValueError(f"{other} has issued it and has to revoke it; the key for that is not in {path}")
    file.parent.mkdir(mode=0o700, exist_ok=True)
    earlier = file.read_bytes() if file.exists() else b""
    fresh = path / "crl.new"  # beside the folder, of which every file is read
    fresh.unlink(missing_ok=True)
    write_private(fresh, authority.revocation_list(issuer, [revoked], now, earlier))
    fresh.replace(file)
    return {"lfdi": identity.lfdi(revoked.public_bytes(Encoding.DER)), "file": str(file)}


def tree_error(path: Path) -> str:
    """Return what is missing or wrong in a tree.

    It is empty for a complete and valid tree with keys that only its owner can read.
    """
    try:
        ca, operators = (path / "ca.pem").read_bytes(), (path / "operators.pem").read_bytes()
        entries = read_entries(path)
        for name in CHAIN:
            load_holder(path / f"authorities/{name}.pem", path / f"authorities/{name}.key")
        for name in ("server", "operator", *(entry["name"] for entry in entries)):
            certificate = (path / f"{name}.pem").read_bytes()
            load_holder(path / f"{name}.pem", path / f"{name}.key")
            error = verify(certificate, operators if name == "operator" else ca)
            if error:
                return f"{name}: {error}"
        for entry in entries:
            if entry != new_entry(path, entry["name"], entry["kind"]) | {"pin": entry["pin"]}:
                return f"devices.json does not match the certificate of {entry['name']}"
        open_keys = [key for key in path.rglob("*.key") if key.stat().st_mode & 0o077]
        return f"others may read {open_keys[0]}" if open_keys else ""
    except (OSError, ValueError, KeyError) as fault:
        return str(fault) or type(fault).__name__


def load_holder(certificate: Path, key: Path) -> Holder:
    """Return a holder from its files; raises ValueError if the key is not that of the certificate."""
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    private = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != chain[0].public_key():
        raise ValueError(f"{key} is not the key of {certificate}")
    return Holder(private, tuple(chain))


def describe(pem: bytes) -> dict[str, Any]:
    """Return the contents of a certificate, the first of a PEM file.

    They are lfdi, sfdi, subject, issuer, begins and ends (ISO 8601), policies (by the names of
    authority.POLICIES, or as identifiers), and chain (the number of certificates in the file).
    """
    chain = x509.load_pem_x509_certificates(pem)
    own = chain[0]
    lfdi = identity.lfdi(own.public_bytes(Encoding.DER))
    names = {identifier: name for name, identifier in authority.POLICIES.items()}
    identifiers = [
        policy.policy_identifier.dotted_string
        for extension in own.extensions
        if isinstance(extension.value, x509.CertificatePolicies)
        for policy in extension.value
    ]
    return {
        "lfdi": lfdi, "sfdi": identity.sfdi(lfdi),
        "subject": own.subject.rfc4514_string(), "issuer": own.issuer.rfc4514_string(),
        "begins": own.not_valid_before_utc.isoformat(), "ends": own.not_valid_after_utc.isoformat(),
        "policies": [names.get(identifier, identifier) for identifier in identifiers],
        "chain": len(chain),
    }


def verify(pem: bytes, ca: bytes) -> str:
    """Return why the device interface would refuse the first certificate of a PEM file, presented with the
    others in it; empty if it would accept it."""
    own, *between = (
        certificate.public_bytes(Encoding.DER) for certificate in x509.load_pem_x509_certificates(pem)
    )
    try:
        Authorities(ca).verify(own, between)
    except Untrusted as why:
        return str(why)
    return ""


def read_entries(path: str | Path) -> list[dict[str, Any]]:
    """Return the entries of devices.json; raises OSError if there is none."""
    entries: list[dict[str, Any]] = json.loads((Path(path) / "devices.json").read_text())
    return entries


def new_entry(path: Path, name: str, kind: str) -> dict[str, Any]:
    """Return an entry of devices.json for a certificate, with a new PIN."""
    certificate = describe((path / f"{name}.pem").read_bytes())
    return {
        "name": name,
        "kind": kind,
        "lfdi": certificate["lfdi"],
        "sfdi": certificate["sfdi"],
        "pin": identity.new_pin(),
        "certificate": f"{name}.pem",
        "key": f"{name}.key",
    }


def write_entries(path: Path, entries: list[dict[str, Any]]) -> None:
    """Replace devices.json, atomically."""
    replace_private(path / "devices.json", entries)


def replace_private(file: Path, entries: list[dict[str, Any]]) -> None:
    """Replace a file by a JSON list that its owner alone can read, atomically."""
    fresh = file.with_name(f".{file.name}")
    fresh.unlink(missing_ok=True)
    write_private(fresh, json.dumps(entries, indent=2).encode() + b"\n")
    fresh.replace(file)


def write_holder(path: Path, name: str, holder: Holder) -> None:
    """Write NAME.pem and NAME.key; raises FileExistsError if they exist."""
    write_private(path / f"{name}.key", holder.key_pem())
    write_private(path / f"{name}.pem", holder.pem())


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def replace(path: Path, fresh: Path) -> None:
    """Put a directory in place of another."""
    old = fresh.with_name(fresh.name + "-old")
    if path.exists():
        path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old, ignore_errors=True)
