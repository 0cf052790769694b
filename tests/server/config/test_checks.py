"""Passwords are shown to nobody; addresses are those of one or both kinds."""
from __future__ import annotations

import pytest

from server.config.checks import HOST, addresses, authority, masked


@pytest.mark.parametrize("text, shown", [
    ("postgresql://me:secret@here:5432/x", "postgresql://me:***@here:5432/x"),
    ("postgresql://me:se/cr@et@here/x", "postgresql://me:***@here/x"),
    ("postgresql://:secret@here/x", "postgresql://:***@here/x"),
    ("postgresql://me@here/x?password=secret&sslmode=no", "postgresql://me@here/x?password=***&sslmode=no"),
    ("postgresql://me@here/x?sslpassword=secret", "postgresql://me@here/x?sslpassword=***"),
    ("postgresql://me@here/x", "postgresql://me@here/x"),
    ("sqlite:///var/a:b@c.db", "sqlite:///var/a:b@c.db")])
def test_a_password_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("hosts, bound", [
    ("127.0.0.1", ["127.0.0.1:8443"]), ("::", ["[::]:8443"]), ("[::1]", ["[::1]:8443"]),
    ("::1, 10.0.0.1,der.example", ["[::1]:8443", "10.0.0.1:8443", "der.example:8443"])])
def test_addresses_are_of_both_kinds(hosts: str, bound: list[str]) -> None:
    assert HOST.fault(hosts) == ""
    assert [authority(host, 8443) for host in addresses(hosts)] == bound


@pytest.mark.parametrize("hosts, fault", [
    ("", "has an empty entry"), ("::1,", "has an empty entry"), ("[::1", "is neither an IP address"),
    ("1.2.3", "is neither"), ("::1, ::1", "has an address twice"), ("::,0.0.0.0", "has 0.0.0.0 beside ::")])
def test_what_is_no_address_is_refused(hosts: str, fault: str) -> None:
    assert HOST.fault(hosts).startswith(fault)
