"""Which ResponseSet an event is answered in: that of its program (IEEE 2030.5-2018, 8.8). Pure.

The number of a set follows from its program, so that replyTo needs no look-up, and a program no further
document: 8 N + the column `response_set` of the list of programs, of which N is the number. What is below no
program (FlowReservationResponse) is answered in the first set, which is a document, as all events were before
programs had sets of their own.
"""
from __future__ import annotations

from server.resources import table
from server.units import Href

_STEP = 8  # lists of programs that there may be
SET = table.rows["ResponseSet"]
GENERAL = SET.href(set=1)
_LISTS = {row.path: row.response_set for row in table.rows.values() if row.response_set is not None}
_BY_NUMBER = {number: path for path, number in _LISTS.items()}
PROGRAM_LISTS = tuple(_LISTS)


def of_program(program: Href) -> Href:
    """Return the ResponseSet of a program; the general one of what is no program."""
    number = _LISTS.get(table.parent(program))
    return GENERAL if number is None else SET.href(set=_STEP * table.number(program) + number)


def program_of(number: int) -> Href:
    """Return the program whose ResponseSet has this number, whether it exists or not; "" for none."""
    program, of_list = divmod(number, _STEP)
    return f"{_BY_NUMBER[of_list]}/{program}" if program and of_list in _BY_NUMBER else ""


def reply_to(event: Href) -> Href:
    """Return the list in which an event, or a default control, is answered."""
    return f"{of_program('/'.join(event.split('/', 3)[:3]))}/rsp"
