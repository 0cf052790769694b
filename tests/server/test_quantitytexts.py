"""A quantity is a number, an SI prefix and a unit, in the case that the SI has."""
from __future__ import annotations

import pytest

from server.quantitytexts import quantity, shown


@pytest.mark.parametrize("text, unit, expected", [
    ("5kW", "W", 5000), ("5 kW", "W", 5000), (" -0.5kW ", "W", -500), ("2MW", "W", 2e6), ("1e3W", "W", 1000),
    (".5GW", "W", 5e8), ("5000", "W", 5000), ("50%", "%", 50), ("50 %", "%", 50), ("3kWh", "Wh", 3000),
    ("3kWh", "kWh", 3), ("3000Wh", "kWh", 3), ("3", "kWh", 3), ("50%", "1", 0.5), ("0.5", "1", 0.5),
    ("230.4V", "V", 230.4), ("2kvar", "var", 2000), ("6kVA", "VA", 6000), ("16A", "A", 16),
    ("50.2Hz", "Hz", 50.2),
    ("1.5%/s", "%/s", 1.5), ("2kW/s", "W/s", 2000), ("0.1kW", "W", 100),
])
def test_a_text_is_a_number_in_the_unit(text: str, unit: str, expected: float) -> None:
    assert quantity(text, unit) == expected


@pytest.mark.parametrize("text, unit, reason", [
    ("5KW", "W", "write 5kW"), ("5kw", "W", "write 5kW"), ("5mw", "W", "write 5MW"),
    ("5mW", "W", "write 5MW"),
    ("5w", "W", "write 5W"), ("2KVAR", "var", "write 2kvar"), ("3KWH", "Wh", "write 3kWh"),
    ("3kWh", "W", "is energy; active power is needed, in W"),
    ("50%", "W", "is a percentage; active power is needed, in W"),
    ("2kW", "%", "is active power; a percentage is needed, in %"),
    ("5kVA", "W", "is apparent power; active power is needed, in W"),
    ("1,5kW", "W", "write 1.5kW"), ("5k", "W", "write 5kW"), ("5hp", "W", "unknown unit hp; write 5kW"),
    ("five", "W", "is not a number such as 5kW"), ("", "W", "is not a number such as 5kW"),
    ("1.2.3kW", "W", "is not a number"), ("nan", "W", "is not a number"),
    ("1e999W", "W", "beyond all numbers"),
    ("half", "%", "is not a number such as 50%"), ("5kW", "1", "a percentage is needed"),
])
def test_what_is_not_a_quantity_of_the_unit_is_refused_with_what_to_write(
    text: str, unit: str, reason: str
) -> None:
    with pytest.raises(ValueError) as refused:
        quantity(text, unit)
    assert reason in str(refused.value)


def test_a_number_without_unit_is_refused_where_it_could_be_of_several() -> None:
    with pytest.raises(ValueError, match="has no unit; write 100%"):
        quantity("100", "%", bare=False)


@pytest.mark.parametrize("number, unit, text", [
    (1380.0, "W", "1.38kW"), (1e6, "W", "1MW"), (0, "W", "0W"), (-5000, "W", "-5kW"), (4e6, "Wh", "4MWh"),
    (0.1, "1", "10%"), (110.0, "%", "110%"), (950, "W", "950W")])
def test_a_quantity_is_shown_as_it_is_read(number, unit, text):
    assert shown(number, unit) == text and quantity(text, unit) == number
