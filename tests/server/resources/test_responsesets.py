"""Which ResponseSet belongs to which program, and back."""
from __future__ import annotations

import pytest

from server.resources import responsesets, table


@pytest.mark.parametrize("event, set_number", [
    ("/derp/1/derc/7", 8), ("/derp/5/dderc", 40), ("/dr/5/edc/1", 41), ("/msg/5/txt/1", 42),
    ("/tp/5/rc/2/tti/9", 43), ("/edev/5/frp/1", 1), ("/derp/123456/derc/1", 987648)])
def test_an_event_is_answered_in_the_set_of_its_program(event: str, set_number: int) -> None:
    assert responsesets.reply_to(event) == f"/rsps/{set_number}/rsp"
    program = responsesets.program_of(set_number)
    assert program == ("/".join(event.split("/")[:3]) if set_number > 1 else "")


def test_each_list_of_programs_has_a_number_of_its_own() -> None:
    numbers = [row.response_set for row in table.rows.values() if row.response_set is not None]
    assert len({*numbers}) == len(numbers) and {*numbers} <= {*range(8)}
    assert {row.path for row in table.rows.values() if row.assigned} == {*responsesets.PROGRAM_LISTS}


@pytest.mark.parametrize("number", [0, 1, 2, 7, 12, 8 * 5 + 7])
def test_other_numbers_are_of_no_program(number: int) -> None:
    assert responsesets.program_of(number) == ""
