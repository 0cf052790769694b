"""LFDI, SFDI and PIN."""
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py20305.security import identity as other

from certs import authority
from server.devices import identity
from server.devices.identity import Peer

HEX = "0123456789ABCDEF"


@pytest.mark.parametrize("lfdi, sfdi", [
    ("3E4F45AB31EDFE5B67E343E5E4562E31984E23E5", 167261211391),      # the standard's example, 6.3.2 and 6.3.3
    ("0" * 40, 0),
    ("000000001" + "0" * 31, 19),
    ("F" * 40, 687194767357),
])
def test_sfdi(lfdi: str, sfdi: int) -> None:
    assert identity.sfdi(lfdi) == sfdi


@pytest.mark.parametrize("number", [123455, 111115, 0, 999995, 550,
                                    111126, 122221,   # the sum of five digits modulo ten
                                    111124, 122229])  # all six are a multiple of ten
def test_a_pin_by_either_rule(number: int) -> None:
    assert identity.is_pin(number)


def test_a_new_pin_is_right_by_both_rules() -> None:
    for pin in {identity.new_pin() for _ in range(100)}:
        digits, check = divmod(pin, 10)
        assert pin <= 999999
        assert identity.digit_sum(pin) % 10 == 0 and identity.digit_sum(digits) % 10 == check


@pytest.mark.parametrize("number", [123456, 111111, 111127, 1_000_000, -1])
def test_what_is_no_pin(number: int) -> None:
    assert not identity.is_pin(number)


@pytest.mark.parametrize("text", ["", "3E4F45AB3", "g" * 40, "a" * 40, "A" * 41])
def test_what_is_no_lfdi(text: str) -> None:
    assert not identity.is_lfdi(text)


@pytest.mark.parametrize("lfdi", ["", "3E4F45AB", "not hex at all"])
def test_no_sfdi_of_what_is_no_lfdi(lfdi: str) -> None:
    with pytest.raises(ValueError):
        identity.sfdi(lfdi)


@given(st.binary(max_size=600))
def test_lfdi_is_the_beginning_of_the_digest(der: bytes) -> None:
    lfdi = identity.lfdi(der)
    assert bytes.fromhex(lfdi) == hashlib.sha256(der).digest()[:20]
    assert identity.is_lfdi(lfdi)


@given(st.text(HEX, min_size=40, max_size=40))
def test_sfdi_is_what_a_real_client_computes(lfdi: str) -> None:
    sfdi = identity.sfdi(lfdi)
    assert sfdi == other.compute_sfdi(lfdi)
    assert sfdi // 10 == int(lfdi, 16) >> 124
    assert identity.digit_sum(sfdi) % 10 == 0


@given(st.integers(0, 99999))
def test_two_check_digits_fit_or_one_that_is_both(digits: int) -> None:
    fitting = [check for check in range(10) if identity.is_pin(digits * 10 + check)]
    assert len(fitting) == (1 if identity.digit_sum(digits) % 5 == 0 else 2)


def test_the_environ_tells_the_caller() -> None:
    caller = Peer("0" * 40, 0)
    assert identity.peer_of({identity.PEER: caller}) is caller
    with pytest.raises(KeyError):
        identity.peer_of({"HTTP_COUNTERPOISE_PEER": caller})


def test_the_holder_of_a_certificate() -> None:
    holder = authority.device(authority.root("root"), b"1")
    peer = identity.peer(holder.der)
    assert (peer.lfdi, peer.sfdi) == (holder.lfdi, identity.sfdi(holder.lfdi))
    assert peer.ends_at == authority.FOREVER.timestamp()
    assert peer.certificate == (holder.chain[1].subject.public_bytes(), holder.chain[0].serial_number)
