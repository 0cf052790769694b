"""Currencies by their letters and numbers (ISO 4217). Pure."""
from __future__ import annotations

from collections.abc import Mapping

# Any other currency is written by its number.
NUMBERS: Mapping[str, int] = {
    "AED": 784, "AUD": 36, "BGN": 975, "BRL": 986, "CAD": 124, "CHF": 756, "CLP": 152, "CNY": 156,
    "COP": 170, "CZK": 203, "DKK": 208, "EUR": 978, "GBP": 826, "GHS": 936, "HKD": 344, "HUF": 348,
    "IDR": 360, "ILS": 376, "INR": 356, "ISK": 352, "JPY": 392, "KES": 404, "KRW": 410, "MXN": 484,
    "MYR": 458, "NGN": 566, "NOK": 578, "NZD": 554, "PEN": 604, "PHP": 608, "PLN": 985, "RON": 946,
    "RWF": 646, "SEK": 752, "SGD": 702, "THB": 764, "TRY": 949, "TWD": 901, "TZS": 834, "UAH": 980,
    "UGX": 800, "USD": 840, "VND": 704, "ZAR": 710, "ZMW": 967}
_NAMES = {number: name for name, number in NUMBERS.items()}
_HIGHEST = 999


def number(text: str) -> int:
    """Return the number of a currency, from its letters or digits. ValueError where it is none."""
    name = text.strip().upper()
    if name in NUMBERS:
        return NUMBERS[name]
    if name.isascii() and name.isdigit() and 0 < int(name) <= _HIGHEST:
        return int(name)
    raise ValueError(f"is no currency; write letters such as EUR or USD, or the number of ISO 4217 (1 to "
                     f"{_HIGHEST})")


def name(number: int) -> str:
    """Return the letters of a currency, its number where they are not known, "" for none."""
    return _NAMES.get(number, str(number) if number else "")
