"""The development tree: complete, private, created once, and extended."""
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from certs import authority, dev
from server.devices import identity


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=2)
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()
    }


def test_the_tree(tree: Path) -> None:
    assert set(contents(tree)) == {
        "ca.pem",
        "operators.pem",
        "devices.json",
        "device-1.json",
        "device-2.json",
        *(
            f"{name}.{kind}"
            for kind in ("pem", "key")
            for name in (
                "server",
                "operator",
                "aggregator",
                "device-1",
                "device-2",
                "authorities/root",
                "authorities/manufacturer",
                "authorities/issuer",
            )
        ),
        "authorities/operators.key",
    }
    assert dev.tree_error(tree) == ""


def test_devices_json_describes_the_certificates(tree: Path) -> None:
    entries = json.loads((tree / "devices.json").read_text())
    assert [(entry["name"], entry["kind"]) for entry in entries] == [
        ("aggregator", "aggregator"), ("device-1", "device"), ("device-2", "device")]
    for entry in entries:
        der = ssl.PEM_cert_to_DER_cert(
            (tree / entry["certificate"]).read_text().partition("-----END CERTIFICATE-----")[0]
            + "-----END CERTIFICATE-----\n"
        )
        assert entry["lfdi"] == identity.lfdi(der)
        assert entry["sfdi"] == identity.sfdi(entry["lfdi"])
        assert identity.is_pin(entry["pin"])
        assert (tree / entry["key"]).exists()


def test_nobody_else_may_read_it(tree: Path) -> None:
    assert tree.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in tree.rglob("*.key")} == {0o600}


def test_the_devices_present_their_authorities(tree: Path) -> None:
    assert dev.describe((tree / "device-1.pem").read_bytes()) | {"begins": "", "lfdi": "", "sfdi": 0} == {
        "lfdi": "", "sfdi": 0, "subject": "", "issuer": "CN=Counterpoise development issuer", "begins": "",
        "ends": "9999-12-31T23:59:59+00:00", "policies": ["generic", "test"], "chain": 3}


def test_a_complete_tree_is_not_changed(tmp_path: Path) -> None:
    dev.make_dev(tmp_path / "dev", devices=1)
    before = contents(tmp_path / "dev")
    dev.make_dev(tmp_path / "dev", devices=1)
    assert contents(tmp_path / "dev") == before


def test_more_devices_are_added(tmp_path: Path) -> None:
    dev.make_dev(tmp_path / "dev", devices=1)
    before = contents(tmp_path / "dev")
    entries = dev.make_dev(tmp_path / "dev", devices=3)
    after = contents(tmp_path / "dev")
    assert [entry["name"] for entry in entries] == ["aggregator", "device-1", "device-2", "device-3"]
    assert {name: after[name] for name in before if name != "devices.json"} == \
        {name: before[name] for name in before if name != "devices.json"}
    assert dev.tree_error(tmp_path / "dev") == ""


def test_force_replaces_the_tree(tmp_path: Path) -> None:
    dev.make_dev(tmp_path / "dev", devices=1)
    before = contents(tmp_path / "dev")
    dev.make_dev(tmp_path / "dev", devices=1, force=True)
    after = contents(tmp_path / "dev")
    assert after.keys() == before.keys() and not [name for name in after if after[name] == before[name]]
    assert [path.name for path in tmp_path.iterdir()] == ["dev"]


@pytest.mark.parametrize(
    "damage, error",
    [
        (lambda path: (path / "server.key").unlink(), "server.key"),
        (
            lambda path: (path / "device-1.key").write_bytes((path / "server.key").read_bytes()),
            "is not the key of",
        ),
        (lambda path: (path / "ca.pem").write_bytes(authority.root("other").pem()), "issuer certificate"),
        (lambda path: (path / "devices.json").write_text("["), "Expecting value"),
        (lambda path: (path / "device-1.key").chmod(0o644), "others may read"),
        (lambda path: (path / "authorities/issuer.key").unlink(), "issuer.key"),
    ],
)
def test_a_damaged_tree_is_replaced(damage, error: str, tmp_path: Path) -> None:
    dev.make_dev(tmp_path / "dev", devices=1)
    damage(tmp_path / "dev")
    assert error in dev.tree_error(tmp_path / "dev")
    dev.make_dev(tmp_path / "dev", devices=1)
    assert dev.tree_error(tmp_path / "dev") == ""


def test_a_device_of_ones_own(tmp_path: Path) -> None:
    dev.make_dev(tmp_path / "dev", devices=0)
    entry = dev.issue_device(tmp_path / "dev", "inverter", kind="post-manufacture")
    assert dev.read_entries(tmp_path / "dev")[-1] == entry
    assert dev.describe((tmp_path / "dev/inverter.pem").read_bytes())["policies"] == [
        "post-manufacture",
        "test",
    ]
    with pytest.raises(FileExistsError):
        dev.issue_device(tmp_path / "dev", "inverter")


def test_verify_returns_the_reason(tree: Path) -> None:
    ca = (tree / "ca.pem").read_bytes()
    assert dev.verify((tree / "device-1.pem").read_bytes(), ca) == ""
    assert "issuer certificate" in dev.verify((tree / "operator.pem").read_bytes(), ca)


def test_operators_are_issued_and_revoked_in_a_list_of_their_own(tree: Path) -> None:
    end = datetime(2126, 11, 1, tzinfo=UTC)
    issued = dev.issue_operator(tree, "olivia", end)
    assert issued["subject"] == "CN=olivia" and issued["ends"].startswith("2126-11-01")
    with pytest.raises(FileExistsError):
        dev.issue_operator(tree, "olivia", end)
    dev.revoke(tree, (tree / "olivia.pem").read_bytes(), datetime(2026, 11, 1, tzinfo=UTC))
    revocations = (tree / "crl-operators.pem").read_bytes()
    olivia = x509.load_pem_x509_certificates((tree / "olivia.pem").read_bytes())[0]
    revoked, = x509.load_pem_x509_crl(revocations[revocations.index(b"-----BEGIN X509 CRL"):])
    assert revoked.serial_number == olivia.serial_number and not (tree / "crl").exists()
