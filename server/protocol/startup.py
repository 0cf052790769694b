"""What `serve` says when it listens: where, on what, with which certificate and until when."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server.config import checks, settings
from server.devices import identity

_NO_END = 9999  # the year in which a certificate without an end has it (RFC 5280, 4.1.2.5)


def urls() -> list[str]:
    """Return the URLs of the device interface. Behind proxies it is plain HTTP, for those alone."""
    scheme = "http" if settings.proxies else "https"
    return [f"{scheme}://{checks.authority(host, settings.port)}" for host in checks.addresses(settings.host)]


def lines() -> Iterator[str]:
    """Yield a sentence each on address, database, certificate and registration."""
    processes = f"{settings.workers} {_plural('process', settings.workers)}"
    threads = f"{settings.threads} {_plural('thread', settings.threads)}"
    yield f"devices are served on {', '.join(urls())} in {processes} of {threads} each"
    yield f"the database is {checks.masked(settings.database)} ({settings.place('database')})"
    if settings.proxies:
        yield f"TLS ends at the proxies {settings.proxies}; clients are verified by {settings.client_ca}"
    else:
        yield _certificate(Path(settings.certificate))
    if settings.pins:
        yield f"devices that {settings.pins} has a PIN for may register themselves"


def _certificate(path: Path) -> str:
    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    lfdi = identity.lfdi(certificate.public_bytes(Encoding.DER))
    end = certificate.not_valid_after_utc
    ends = "has no end" if end.year == _NO_END else f"ends on {end:%Y-%m-%d}"
    return (f"the certificate {path} (LFDI {lfdi}) {ends}; "
            f"clients are verified by {settings.client_ca}")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + ("es" if word.endswith("s") else "s")
