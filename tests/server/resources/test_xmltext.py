"""Text and attributes are escaped as the standard library does it."""
from __future__ import annotations

from xml.sax import saxutils

from hypothesis import given
from hypothesis import strategies as st

from server.resources import xmltext

TEXTS = st.text(st.sampled_from("a&<>\"'\n\r\t é"), max_size=12)


@given(TEXTS)
def test_as_the_standard_library(text: str) -> None:
    assert xmltext.escape(text) == saxutils.escape(text)
    assert xmltext.escape(text, {"\r": "&#13;"}) == saxutils.escape(text, {"\r": "&#13;"})
    assert xmltext.quoteattr(text) == saxutils.quoteattr(text)
