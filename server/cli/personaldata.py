"""`device export`, `export-list` and `erase` on the command line: private files, a certificate revoked."""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from server.cli import jsonoutput
from server.cli.presentation import Presentation
from server.cli.tables import show
from server.operations import enrolmentfiles


def _export(result: dict[str, Any], as_json: bool, file: str) -> None:
    """Write one JSON object, to a new file that nobody else can read."""
    with _output(file) as output:
        output.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _export_list(result: Iterator[enrolmentfiles.ListedDevice], as_json: bool, file: str) -> None:
    """Write CSV or JSON, either as `enrol --from` reads it."""
    with _output(file) as output:
        if as_json:
            jsonoutput.write(result, output)
        else:
            output.writelines(enrolmentfiles.as_csv(result))


@contextmanager
def _output(file: str) -> Iterator[TextIO]:
    """Open a new file that nobody else can read, or standard output; remove the file if it is not ended."""
    if file == "-":
        yield sys.stdout
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _unwritable(file, error) from None
    with ExitStack() as stack:
        stack.callback(os.unlink, file)
        try:
            with open(descriptor, "w", encoding="utf-8") as output:
                yield output
        except OSError as error:
            raise _unwritable(file, error) from None
        stack.pop_all()


def _unwritable(file: str, error: OSError) -> click.ClickException:
    return click.ClickException(f"{file} cannot be written: {error.strerror}. Name a new file.")


def _certificate(context: click.Context, option: click.Parameter, file: Path | None) -> bytes | None:
    """Return the bytes of a certificate; refused before anything is erased if the file is not one."""
    from cryptography import x509
    if file is None:
        return None
    content = file.read_bytes()
    try:
        x509.load_pem_x509_certificates(content)
    except ValueError:
        raise click.BadParameter(f"{file} is not a certificate in PEM", context, option) from None
    return content


def _erase(result: dict[str, Any], as_json: bool, revoke: bytes | None, authority: Path) -> None:
    """Print what was erased, and revoke the certificate of the device."""
    if revoke is not None and not click.get_current_context().params["dry_run"]:
        result = {**result, "revocation_list": _revoke(revoke, authority, result["lfdi"])}
    show(result, as_json)


def _revoke(certificate: bytes, authority: Path, lfdi: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from certs import dev
    from server.devices import identity
    own = identity.lfdi(x509.load_pem_x509_certificates(certificate)[0].public_bytes(Encoding.DER))
    try:
        if own != lfdi:
            raise ValueError(f"it is that of {own}")
        return str(dev.revoke(authority, certificate, datetime.now(UTC))["file"])
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"{lfdi} was erased, but its certificate was not revoked: {error}. Revoke it where its authority "
            "is, with counterpoise certs revoke.") from None


PRESENTATIONS = {
    "device export": Presentation(_export, (click.Argument(
        ["file"], type=click.Path(dir_okay=False), default="-"),)),
    "device export-list": Presentation(_export_list, (click.Argument(
        ["file"], type=click.Path(dir_okay=False), default="-"),)),
    "device erase": Presentation(_erase, (
        click.Option(["--revoke"], type=click.Path(exists=True, dir_okay=False, path_type=Path),
                     callback=_certificate, metavar="FILE",
                     help="Also revoke this certificate of the device."),
        click.Option(["--authority"], type=click.Path(file_okay=False, path_type=Path),
                     default=Path("certs/dev"), show_default=True,
                     help="The folder of the authority that has issued it."))),
}
