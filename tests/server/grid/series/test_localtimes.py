"""Local times without offset that exist twice or not at all."""
from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from server.errors import Refused
from server.grid.series import localtimes

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
BACK = {BERLIN: "2026-10-25", LORD_HOWE: "2026-04-05"}  # 03:00 is followed by 02:00; 02:00 by 01:30


def resolved(zone: ZoneInfo, *times: str) -> list[str]:
    """The offsets (+02, +11 …) with which times of the day are read."""
    rows = [localtimes.parse(f"{BACK[zone]}T{time}", zone, f"line {line}")
            for line, time in enumerate(times, 2)]
    return [f"{datetime.fromtimestamp(instant, zone):%z}".removesuffix("00")
            for instant in localtimes.resolve(rows, zone)]


@pytest.mark.parametrize(
    "zone, times, offsets",
    [
        # 30 minutes, hourly rows: 01:30 is an hour after 01:00, and not half an hour
        (LORD_HOWE, ("00:00", "01:00", "01:30", "02:30"), ["+11", "+11", "+1030", "+1030"]),
        (LORD_HOWE, ("00:30", "01:30", "02:00", "03:00"), ["+11", "+11", "+1030", "+1030"]),
        (LORD_HOWE, ("01:30", "02:30", "03:30"), ["+1030", "+1030", "+1030"]),
        (LORD_HOWE, ("01:00", "01:30", "01:30", "02:00"), ["+11", "+11", "+1030", "+1030"]),
        (BERLIN, ("01:00", "02:00", "02:00", "03:00"), ["+02", "+02", "+01", "+01"]),
        (BERLIN, ("02:30", "02:45", "02:00", "02:15"), ["+02", "+02", "+01", "+01"]),
        # at the beginning and at the end the other rows tell
        (BERLIN, ("02:00", "03:00", "04:00"), ["+01", "+01", "+01"]),
        (BERLIN, ("02:30", "02:45", "03:00"), ["+01", "+01", "+01"]),
        (BERLIN, ("01:30", "01:45", "02:00"), ["+02", "+02", "+02"]),
        # what is written once is the first, what is missing is a gap
        (BERLIN, ("01:00", "02:00", "03:00"), ["+02", "+02", "+01"]),
        (BERLIN, ("00:00", "00:30", "02:30", "03:00"), ["+02", "+02", "+01", "+01"]),
        (BERLIN, ("00:00", "00:30", "01:30", "02:00", "03:30"), ["+02", "+02", "+02", "+02", "+01"]),
    ],
)
def test_the_instant_that_fits_the_step_is_chosen(
    zone: ZoneInfo, times: tuple[str, ...], offsets: list[str]
) -> None:
    assert resolved(zone, *times) == offsets


@pytest.mark.parametrize(
    "zone, times, message",
    [
        (BERLIN, ("02:00", "02:15"), "line 2: 2026-10-25T02:00 exists twice in Europe/Berlin, .* both fit"),
        (BERLIN, ("02:00",), "line 2: .* nothing in the file tells which is meant"),
        (BERLIN, ("00:00", "00:30", "02:00", "04:00", "04:30"), "line 4: .* both fit the step"),
        (LORD_HOWE, ("01:00", "01:30"), r"both fit .*; write 2026-04-05T01:30\+11:00 or "
                                        r"2026-04-05T01:30\+10:30"),
        (BERLIN, ("00:00", "00:20", "02:30", "04:20"), "line 4: .* neither fits the step of the rows"),
    ],
)
def test_where_neither_or_both_fit_it_is_refused(
    zone: ZoneInfo, times: tuple[str, ...], message: str
) -> None:
    with pytest.raises(Refused, match=message) as refused:
        resolved(zone, *times)
    assert refused.value.status == 400


@pytest.mark.parametrize("text", ["2026-03-29T02:30", "2026-03-29T02:00"])
def test_what_the_clock_is_put_forward_over_does_not_exist(text: str) -> None:
    with pytest.raises(Refused, match="does not exist in Europe/Berlin: .*; write times with their offset"):
        localtimes.parse(text, BERLIN, "line 2")


@pytest.mark.parametrize(
    "text, instants",
    [
        (5, (5,)),
        ("1749988800", (1749988800,)),
        ("20260329", (1774738800,)),
        ("2026-10-25T02:00+02:00", (1792886400,)),
        ("2026-10-25T02:00", (1792886400, 1792890000)),
        (" 2026-10-25 01:00 ", (1792882800,)),
    ],
)
def test_a_time_is_iso_8601_or_seconds(text: str | int, instants: tuple[int, ...]) -> None:
    assert localtimes.parse(text, BERLIN, "here").instants == instants


@pytest.mark.parametrize("text", ["today", True, None, "", "2026-13-01"])
def test_anything_else_is_no_time(text: object) -> None:
    with pytest.raises(Refused, match="here: .* is not a time such as"):
        localtimes.parse(text, BERLIN, "here")
