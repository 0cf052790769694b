"""What the editions say in other words; tests/standard/test_edition2023.py shows it of the running server."""
from __future__ import annotations

from server.resources.editions import REWORDED


def test_what_is_said_in_both_words_stays_as_it_is() -> None:
    served = {key: {"dateTime": 1, "value": value}
              for key, value in (("connectStatus", "00"), ("genConnectStatus", "07"))}
    for edition in (2018, 2023):
        assert REWORDED["DERStatus", edition](served) == served


def test_a_link_counts_no_more_than_the_edition_allows() -> None:
    served = {"DERListLink": {"href": "/edev/1/der", "all": 3}, "LogEventListLink": {"href": "/x", "all": 3}}
    assert REWORDED["EndDevice", 2023](served) == {**served, "DERListLink": {"href": "/edev/1/der", "all": 1}}
    assert REWORDED["EndDevice", 2023]({"lFDI": "AB"}) == {"lFDI": "AB"}
