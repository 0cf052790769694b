"""`device export` and `device erase` as they are typed."""
from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from certs import dev
from server import clock
from server.cli import main
from server.config import settings
from server.devices import enrolment
from server.models import AuditEntry, Device
from tests import peers

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def run(*words: str) -> Result:
    settings.clock = clock.spec()
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_the_file_is_new_and_its_owners(device: peers.Peer, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    assert run("device", "export", "one", str(file)).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["lfdi"] == peers.lfdi(1)
    again = run("device", "export", "one", str(file))
    assert again.exit_code == 1 and "Name a new file." in again.output


def test_the_list_of_devices_has_pins_only_if_they_are_asked_for(device: peers.Peer, tmp_path: Path) -> None:
    plain = run("device", "export-list").output
    assert plain.startswith(f"lfdi,name,kind,labels,manager,profile,category\n{peers.lfdi(1)},one,")
    file = tmp_path / "all.csv"
    assert run("device", "export-list", "--pins", str(file)).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.read_text().startswith("lfdi,pin,name,")
    assert json.loads(run("device", "export-list", "--json").output)[0]["lfdi"] == peers.lfdi(1)


def test_names_that_a_file_gives_twice_are_said_once(database: None, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(f"lfdi,name\n{peers.lfdi(3)},elm\n{peers.lfdi(4)},elm\n")
    result = run("enrol", "--from", str(file))
    assert result.stderr.count("warning: 'elm' is the name of device") == 1
    assert "warning" not in result.stdout and result.stdout.count("elm") == 2


def test_without_a_terminal_it_has_to_be_said_twice(device: peers.Peer) -> None:
    for verb in ("erase", "remove"):
        refused = run("device", verb, "one")
        assert refused.exit_code == 2 and "Add --yes" in refused.output
    assert Device.select().count() == 1
    tried = run("device", "erase", "one", "--dry-run")
    assert tried.exit_code == 0 and "deleted" in tried.output and Device.select().count() == 1
    assert run("device", "erase", "one", "--yes").exit_code == 0 and not Device.select().exists()


def test_its_certificate_is_revoked_with_it(server: Any, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    dev.make_dev(tree, devices=2)
    first, second = (json.loads(run("certs", "show", str(tree / f"device-{number}.pem"), "--json").output)
                     for number in (1, 2))
    for certificate in (first, second):
        enrolment.enrol(certificate["lfdi"])
    words = ("--authority", str(tree), "--yes", "--revoke")
    erased = run("device", "erase", first["lfdi"], *words, str(tree / "device-1.pem"), "--json")
    revoked = x509.load_pem_x509_crl(Path(json.loads(erased.output)["revocation_list"]).read_bytes())
    assert len(list(revoked)) == 1
    wrong = run("device", "erase", second["lfdi"], *words, str(tree / "device-1.pem"))
    assert wrong.exit_code == 1 and "was not revoked: it is that of" in wrong.output
    assert AuditEntry.select().where(AuditEntry.operation == "device erase").count() == 2


def test_a_file_that_is_no_certificate_is_refused_first(device: peers.Peer, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("no certificate")
    refused = run("device", "erase", "one", "--yes", "--revoke", str(file))
    assert refused.exit_code == 2 and "is not a certificate in PEM" in refused.output
    assert Device.select().count() == 1
