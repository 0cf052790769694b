from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.errors import Refused
from server.grid.series import csvfiles

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3600, 86400
SPRING, AUTUMN = "2026-03-29", "2026-10-25"  # 23 and 25 hours


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def csv(text, zone=BERLIN, **options):
    return csvfiles.from_csv(text, "f.csv", zone, **options)


def written(date, step=900, zone=BERLIN):
    """A local day as the clock on the wall shows it, without zone: a row for each step, its number the
    value."""
    begin = datetime.fromisoformat(date).replace(tzinfo=zone)
    end = (begin + timedelta(days=1)).astimezone(UTC).timestamp()
    starts = range(int(begin.timestamp()), int(end), step)
    rows = [f"{datetime.fromtimestamp(at, zone):%Y-%m-%dT%H:%M},{number}" for number, at in enumerate(starts)]
    return "start,value\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("date, hours", [(SPRING, 23), (AUTUMN, 25), ("2026-06-01", 24)])
@pytest.mark.parametrize("step", [900, 1800, 3600])
def test_a_local_day_has_as_many_hours_as_it_has(date, hours, step):
    table = csv(written(date, step))
    assert table.start == int(datetime.fromisoformat(date).replace(tzinfo=BERLIN).timestamp())
    assert table.step == step and table.values == list(range(hours * HOUR // step))


def as_written(start, step, size, zone):
    """Local times without offset, a row for each step."""
    return [f"{datetime.fromtimestamp(start + row * step, zone):%Y-%m-%d %H:%M}" for row in range(size)]


def meanings(times, zone):
    """Every series without gaps, as (start, step), that is written so."""
    local = [datetime.fromisoformat(time).replace(tzinfo=zone) for time in times[:2]]
    first, second = ({int(time.replace(fold=fold).timestamp()) for fold in (0, 1)} for time in local)
    return {(start, following - start) for start in first for following in second
            if following > start and as_written(start, following - start, len(times), zone) == times}


CHANGES = [  # instants near which the clock is put back (or forward), by zone
    ("Europe/Berlin", "2026-10-25T01:00"), ("Europe/Berlin", SPRING + "T01:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"), ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("America/New_York", "2026-11-01T06:00"), ("Antarctica/Troll", "2026-10-25T01:00"),
    ("Asia/Kolkata", "2026-06-01T00:00"), ("UTC", "2026-06-01T00:00"),
]


@given(st.sampled_from(CHANGES), st.sampled_from([900, 1800, 3600]), st.integers(-24, 8), st.integers(2, 40))
@example(("Australia/Lord_Howe", "2026-04-04T15:00"), 3600, -4, 8)
@example(("Australia/Lord_Howe", "2026-04-04T15:00"), 3600, 0, 3)
@example(("Europe/Berlin", "2026-10-25T01:00"), 900, 0, 3)
def test_what_the_clock_on_the_wall_shows_is_read_as_it_was(change, step, before, size):
    """Or refused, where the same text may be another series as well."""
    zone = ZoneInfo(change[0])
    start = utc(change[1]) // step * step + before * step
    times = as_written(start, step, size, zone)
    text = "start,value\n" + "".join(f"{time},1\n" for time in times)
    if meanings(times, zone) == {(start, step)}:
        table = csv(text, zone)
        assert (table.start, table.step, table.values) == (start, step, [1] * size)
    else:
        with pytest.raises(Refused, match=r"f.csv, line \d+: .* exists twice .* both fit .*; write .* or "):
            csv(text, zone)


def test_an_hour_that_comes_twice_and_is_written_once_is_a_gap():
    rows = [f"{AUTUMN}T{hour:02d}:00,{hour}" for hour in range(5)]
    assert csv("start,value\n" + "\n".join(rows)).values == [0, 1, 2, None, 3, 4]


def test_an_hour_that_is_left_out_does_not_exist():
    with pytest.raises(Refused, match="f.csv, line 4: 2026-03-29T02:00 does not exist in Europe/Berlin"):
        csv(f"start,value\n{SPRING}T00:00,1\n{SPRING}T01:00,2\n{SPRING}T02:00,3\n{SPRING}T03:00,4\n")
    assert csv(f"start,value\n{SPRING}T01:00+01:00,2\n{SPRING}T03:00+02:00,4\n").values == [2, 4]


SAME = [
    "start,value\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,\n2026-01-01T00:30Z,3.5\n",
    "\ufeffStart;Value\r\n2026-01-01T01:00;1\r\n2026-01-01T01:15;null\r\n2026-01-01T01:30;3.5\r\n\r\n",
    "value,start\n1,2026-01-01 01:00:00+01:00\n,2026-01-01T00:15:00Z\n3.5,2026-01-01T00:30Z",
    f"start,value\n{utc('2026-01-01')},1\n{utc('2026-01-01') + 900},\n{utc('2026-01-01') + 1800},3.5",
]


@pytest.mark.parametrize("text", SAME)
def test_one_series_in_many_hands(text):
    assert csv(text) == (utc("2026-01-01"), 900, [1, None, 3.5], {})


def test_a_row_that_is_missing_is_a_gap():
    text = "start,value\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2\n2026-01-01T01:00Z,3\n"
    assert csv(text).values == [1, 2, None, None, 3]


@pytest.mark.parametrize(
    "text, values", [("value\n1\n2\n", [1, 2]), ("1\n\n3\n\n\n", [1, None, 3]), ("-1e3", [-1000])]
)
def test_values_alone_need_to_be_told_when(text, values):
    assert csv(text, start=0, step=900) == (0, 900, values, {})
    with pytest.raises(Refused, match="needs a start and a step"):
        csv(text, start=0)


def test_quantiles_stand_beside_their_values():
    table = csv("start,p10,value,p90\n2026-01-01T00:00Z,1,2,3\n2026-01-01T01:00Z,,5,6")
    assert (table.step, table.values, table.quantiles) == (HOUR, [2, 5], {"0.1": [1, None], "0.9": [3, 6]})


@pytest.mark.parametrize("text, why", [
    ("", "f.csv: it is empty"), ("start,value\n", "f.csv: there are no values"),
    ("start,value\n2026-01-01T00:00Z,1\n", "f.csv: a single value"),
    ("start,watts\n", "line 1: column 'watts' is "
                      "neither"), ("start,p90\n", "line 1: one column start and one"),
    ("start,value,value\n", "line 1: one column start and one"),
    ("start,value\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,x\n", "line 3: 'x' is not a number"),
    ("start,value\n2026-01-01T00:00Z,nan\n", "line 2: nan is not a finite number; leave the cell empty"),
    ("start,value\n2026-01-01T00:00Z,1,5\n", "line 2: 3 cells for 2 columns"),
    ("start,value\n\n2026-01-01T00:00Z,1,2\n", "line 3: 3 cells for 2 columns"),
    ("start,value\n1767225600000,1\n", "line 2: 1767225600000 looks like milliseconds; write seconds: 1767"),
    ("start,value\n2026-01-01T00:00Z,1e13\n", "line 2: 1e13 is beyond any plausible size"),
    ("start;value\n01.01.2026;1,5\n02.01.2026;1.500\n", "line 3: 1.500 may be 1500 or 1,500"),
    ("start,value\n03/04/2026,1\n", "no date tells whether 03/04/2026 begins with .*specify `dates`"),
    ("start,value\n2026-03-29T02:00,1\n", "line 2: 2026-03-29T02:00 does not exist in Europe/Berlin"),
    ("start,value\ntoday,1\n", "line 2: 'today' is not a time such as"),
    ("start,value\n2026-01-01T00:00:00.5Z,1\n", "line 2: .* is not a whole second"),
    ("start,value\n2026-01-01T00:15Z,1\n2026-01-01T00:15Z,2\n", "line 3: 2026-01-01T00:15Z does not come "
                                                                "after"),
    ("start,value\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2\n2026-01-01T00:40Z,3\n", "line 4: .* not a "
                                                                                     "multiple of 900 s"),
    ("start,value\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2\n2062-01-01T00:15Z,2\n", "line 4: .* more than "
                                                                                     "366 days"),
    ("1,2\n", "line 1: 2 cells, but no header"),
])
def test_what_cannot_be_read_is_refused_with_its_line(text, why):
    with pytest.raises(Refused, match=why):
        csv(text, start=0 if text[:1] == "1" else None, step=900 if text[:1] == "1" else None)


def json(text, **options):
    return csvfiles.from_json(text, "f.json", BERLIN, **options)


@pytest.mark.parametrize("text", [
    '{"start": "2026-01-01T00:00Z", "step": 900, "values": [1, null, 3.5]}',
    f'{{"start": {utc("2026-01-01")}, "step": 900, "values": [1, null, 3.5]}}',
    '[{"start": "2026-01-01T01:00", "value": 1}, {"start": "2026-01-01T01:15", "value": null},'
    ' {"start": "2026-01-01T01:30", "value": 3.5}]',
])
def test_one_series_in_many_programs(text):
    assert json(text) == (utc("2026-01-01"), 900, [1, None, 3.5], {})


@pytest.mark.parametrize("text, why", [
    ("{", "f.json, line 1: this is not JSON"), ("3", "f.json: an object with start, step, values is needed"),
    ('{"start": 0, "step": '
     '900}', "values is missing"), ('{"start": 0, "step": 900, "values": [], "x": 1}', "'x' is not known"),
    ('{"start": 0, "step": 900, "values": [NaN]}', "NaN is not a finite number; write null"),
    ('{"start": 0, "step": 900, "values": '
     '1}', "has to be a list"), ('{"start": 0, "step": "900", "values": []}', "step '900'"),
    ('{"start": 0, "step": 900, "values": [1], "quantiles": '
     '[1]}', "has to be a list"), ("[]", "there are no values"),
    ('[{"start": 0}]', "value 1: value is missing"), ('[{"start": 0, "value": 1}]', "specify a step"),
    (f'[{{"start": "{SPRING}T02:30", "value": 1}}]', "value 1: .* does not exist"),
])
def test_what_programs_write_wrong_is_refused_with_its_place(text, why):
    with pytest.raises(Refused, match=why):
        json(text)


def test_a_step_may_be_told_for_a_single_value():
    assert json('[{"start": 0, "value": 1}]', step=300) == (0, 300, [1], {})


@pytest.mark.parametrize("text", [
    "arrive,depart,wh,w\n2026-01-01T18:00,2026-01-02T06:00,14000,7000\n",
    "\nDepart;W;Wh;arrive\n\n2.1.2026 6:00;7.000,0;14000,0;01.01.2026 18:00\n;;;\n",
    "arrive\tdepart\twh\tw\n1/1/2026 18:00\t2/1/2026 6:00\t14000\t7000\n"
    "13/1/2026 18:00\t14/1/2026 6:00\t1\t1,0\n",
    '[{"arrive": "2026-01-01T17:00Z", "depart": "2026-01-02T05:00Z", "wh": 14000, "w": 7000}]'])
def test_cars_are_told_by_their_visits(text):
    assert csvfiles.charging_sessions(text, "cars", BERLIN)[0] == [
        utc("2026-01-01T17:00"), utc("2026-01-02T05:00"), 14000, 7000]


@pytest.mark.parametrize("text, why", [
    ("arrive,wh\n", "cars, line 1: the columns are arrive, depart, wh, w, once each; depart is missing"),
    ("arrive,depart,wh,w\n2026-01-01T18:00,1\n", "cars, line 2: 2 cells for 4"),
    ("arrive,depart,wh,w\n2026-01-01T18:00,2026-01-01T19:00,,1\n", "cars, line 2: wh and w are needed"),
    ('[{"arrive": 1}]', "cars, session 1: depart is missing")])
def test_visits_that_cannot_be_read_are_refused(text, why):
    with pytest.raises(Refused, match=why):
        csvfiles.charging_sessions(text, "cars", BERLIN)


@pytest.mark.parametrize("text", [
    "start;value\n2026-01-01 00:00;1,5\n2026-01-01 01:00;-2\n",
    "start\tvalue\n2026-01-01 00:00\t1,5\n2026-01-01 01:00\t-2\n",
    "start;value\n01.01.2026 00:00;1,5\n01.01.2026 01:00;-2\n",
    "start;value\n1.1.2026 0:00;1,5\n1.1.2026 1:00;-2\n",
    "start,value\n2026/01/01 00:00,1.5\n2026/01/01 01:00,-2\n",
    "start,value\n1/1/2026 00:00,1.5\n1/1/2026 01:00,-2\n",
    "start,value\n\n2026-01-01 00:00,1.5\n\n2026-01-01 01:00,-2\n\n",
    "\ufeff\nMTU (CET/CEST);Day-ahead Price [EUR/MWh]\n01.01.2026 00:00 - 01.01.2026 01:00;1,5\n"
    "01.01.2026 01:00 - 01.01.2026 02:00;-2\n",
    "Time,kW\n2026-01-01T00:00,1.5\n2026-01-01T01:00,-2\n",
])
def test_files_of_spreadsheets_and_exchanges_are_read(text):
    assert csv(text) == (utc("2025-12-31T23:00"), HOUR, [1.5, -2.0], {})


def test_prices_by_the_hour_that_become_prices_by_the_quarter_hold_for_their_hour():
    rows = ["2027-01-15T22:00,10", "2027-01-15T23:00,20", "2027-01-16T00:00,30", "2027-01-16T00:15,40",
            "2027-01-16T00:30,50"]
    table = csv("start,value\n" + "\n".join(rows) + "\n")
    assert (table.step, table.values) == (900, [10.0] * 4 + [20.0] * 4 + [30.0, 40.0, 50.0])


def test_prices_by_the_quarter_that_become_prices_by_the_hour_hold_too():
    times = "00:00", "00:15", "00:30", "01:30", "02:30"
    table = csv("start,value\n" + "\n".join(f"2027-01-15T{time},{row}" for row, time in enumerate(times)))
    assert table.values == [0.0, 1.0] + [2.0] * 4 + [3.0] * 4 + [4.0] * 4


def test_a_row_without_a_value_at_an_hour_that_does_not_exist_is_left_out():
    table = csv(f"start,value\n{SPRING}T01:00,1\n{SPRING}T02:00,\n{SPRING}T03:00,3\n")
    assert (table.start, table.step, table.values) == (utc(f"{SPRING}T00:00"), HOUR, [1.0, 3.0])


@pytest.mark.parametrize("text, why", [
    ('{"start":"2027-01-15T00:00","step":3600,"values":[%s]}' % ("1" + "0" * 400), "has 401 digits"),
    ('{"start":"2027-01-15T00:00","step":3600,"values":[%s]}' % ("1" + "0" * 5000), "has 5001 digits"),
    ('[{"start":99999999999999999999,"value":1},{"start":9,"value":1}]', "not a time between 1970 and 2200"),
    ('[{"start":1800000000000,"value":1}]', "value 1: 1800000000000 looks like milliseconds"),
])
def test_json_numbers_beyond_any_size_are_refused(text, why):
    with pytest.raises(Refused, match=why):
        csvfiles.from_json(text, "f.json", BERLIN, 900)
