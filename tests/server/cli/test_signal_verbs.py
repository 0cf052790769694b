"""`signal …`, `forecast …` and `history …`, as an operator types them."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.config import settings
from server.grid.groups import virtualders
from server.models import Measurement, Series
from tests.conftest import NOON

STEP, HOUR, DAY = 900, 3600, 86400
SPRING = "start,value\n2026-03-29T01:00,1\n2026-03-29T02:00,2\n2026-03-29T03:00,3\n"


@pytest.fixture
def run(server: None) -> Callable[..., Result]:
    """Type a command line at a server with the virtual DER F12; `said` is on standard input."""
    virtualders.create("F12")

    def invoke(*words: str, stdin: str = "") -> Result:
        settings.clock = clock.spec()
        return CliRunner().invoke(main, words, input=stdin, catch_exceptions=False)
    return invoke


@pytest.fixture
def run_json(run: Callable[..., Result]) -> Callable[..., Any]:
    def invoke(*words: str, stdin: str = "") -> Any:
        result = run(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)
    return invoke


def values() -> list[Any]:
    return [row.values for row in Series.select().order_by(Series.id)]


def test_a_signal_from_a_file_is_put_and_shown(run_json: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "f12.csv"
    path.write_text("start,value\n2025-06-15T12:00Z,1.5\n2025-06-15T12:15Z,\n2025-06-15T12:30Z,-2\n")
    words = ("signal", "put", "F12", "--csv", str(path), "--unit", "kW", "--tolerance", "50", "--every", "1h")
    assert run_json(*words, "--dry-run")["dry_run"] and not values()
    done = run_json(*words, "--source", "SCADA", "--priority", "2")
    assert values() == [[1500, None, -2000]] and done["warnings"] == [
        "imbalance of F12 has no values from 2025-06-15T12:15Z until 2025-06-15T12:30Z"]
    row, = run_json("signal", "show", "F12")
    assert (row["kind"], row["current"], row["tolerance_w"], row["issue_interval_s"]) == (
        "imbalance", 1500, 50, HOUR)
    assert (row["source"], row["priority"]) == ("SCADA", 2)
    assert "ends at 2025-06-15T12:45Z" in row["problem"]
    assert run_json("signal", "show", "--kind", "price") == []


def test_a_signal_may_be_pushed_piped_or_flat(run_json: Callable[..., Any]) -> None:
    piped = json.dumps({"start": NOON, "step": 300, "values": [1, 2, 3]})
    assert (
        run_json("signal", "put", "F12", "--kind", "import_limit", "--from-json", "-", stdin=piped)["end"]
        == NOON + STEP
    )
    assert (
        run_json("signal", "put", "F12", "--csv", "-", "--start", "+15m", "--step", "30m",
                 stdin="4\n5\n")["start"]
        == NOON + STEP
    )
    clock.advance(500)
    assert run_json("signal", "put", "F12", "--flat", "1.5", "--unit", "MW", "--for", "30m")["start"] == NOON
    assert (
        run_json("signal", "put", "F12", "--kind", "price", "--flat", "0.3", "--start", "2025-06-16T00:00Z")[
            "values"
        ]
        == 96
    )
    assert run_json("signal", "push", "F12", "measured", "-250.5", "--source", "SCADA")["start"] == NOON
    assert (
        run_json("signal", "push", "F12", "measured", "7", "--start", "+100s", "--step", "5m")["end"]
        == NOON + STEP
    )
    assert values() == [[1, 2, 3], [4, 5], [1.5e6] * 2, [0.3] * 96, [-250.5], [7]]


@pytest.mark.parametrize(
    "words, stdin, why",
    [
        (
            ("signal", "put", "F12", "--csv", "-"),
            SPRING,
            "<stdin>, line 3: 2026-03-29T02:00 does not exist in Europe/Berlin",
        ),
        (
            ("signal", "put", "F12", "--csv", "-"),
            "start,value\n2025-06-15T12:00,nan\n",
            "<stdin>, line 2: nan is not a finite number",
        ),
        (
            ("signal", "put", "F12", "--csv", "-"),
            "start,value\n2025-06-15T12:00,1\n2025-06-15T12:07,1\n",
            "a step of 420 s",
        ),
        (("signal", "put", "F12", "--from-json", "-"), "[NaN]", "<stdin>: NaN is not a finite number"),
        (
            ("signal", "put", "F12", "--from-json", "-", "--unit", "kW"),
            '{"start": 1749988800, "step": 900, "values": ["1"]}',
            "<stdin>, value 1 .* '1' is not a number",
        ),
        (
            ("signal", "put", "F12", "--csv", "-"),
            "start,value,p90\n2025-06-15T12:00,1,1\n2025-06-15T12:15,1,1\n",
            "no quantiles",
        ),
        (("signal", "put", "F12"), "", "--csv.: send a CSV or"),
        (("signal", "put", "F12", "--csv", "-", "--from-json", "-"), "", "--from-json.: send either"),
        (("signal", "put", "F12", "--csv", "-", "--flat", "1"), "", "--flat.: give either"),
        (
            ("signal", "put", "F12", "--kind", "price", "--flat", "1", "--unit", "kW"),
            "",
            "a price is per kWh, not in kW",
        ),
        (
            ("signal", "put", "F12", "--flat", "-1", "--kind", "export_limit"),
            "",
            "--flat, value 1 .* -1 is below 0",
        ),
        (("signal", "put", "F13", "--flat", "1"), "", "no virtual DER 'F13'"),
        (("forecast", "put", "F12", "load", "--csv", "-", "--issued", "+1h"), "start,value\n0,1\n", "line 2"),
        (
            ("forecast", "put", "F12", "ev", "--csv", "-"),
            "arrive,depart,wh,w\n2026-01-01,2026-01-01,1,1\n",
            "session 1: departure has to be after arrival",
        ),
        (
            ("history", "import", "F12", "premises", "--csv", "-", "--start", "now", "--step", "15m"),
            "1\n",
            "after now .2025-06-15T12:00Z",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_half_done(
    run: Callable[..., Result], words: tuple[str, ...], stdin: str, why: str
) -> None:
    result = run("--set", "timezone=Europe/Berlin", *words, stdin=stdin)
    assert result.exit_code in (1, 2)
    assert re.search(why, result.stderr), result.stderr
    assert not values() and not Measurement.select().exists()


def test_a_file_that_is_not_text_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "f12.csv"
    path.write_bytes(b"start,value\n\xff\x00")
    result = run("signal", "put", "F12", "--csv", str(path))
    assert result.exit_code == 1 and "this is not text in UTF-8" in result.stderr


def test_a_local_day_of_25_hours_is_put_whole(run_json: Callable[..., Any],
                                              run: Callable[..., Result]) -> None:
    hours = [0, 1, 2, 2, *range(3, 24)]
    stdin = "start,value\n" + "".join(
        f"2026-10-25T{hour:02d}:00,{number}\n" for number, hour in enumerate(hours)
    )
    result = run("--set", "timezone=Europe/Berlin", "signal", "put", "F12", "--csv", "-", "--json",
                 stdin=stdin)
    row = json.loads(result.stdout)
    assert (row["values"], row["gaps"], row["end"] - row["start"]) == (25, 0, 25 * HOUR)


def test_history_makes_forecasts_and_those_from_outside_come_first(
    run_json: Callable[..., Any], run: Callable[..., Result]
) -> None:
    flat = json.dumps({"start": NOON - 2 * DAY, "step": HOUR, "values": [-1.2] * 48})
    assert run_json(
        "history", "import", "F12", "premises", "--from-json", "-", "--unit", "kW", "--dry-run", stdin=flat
    )["dry_run"]
    assert run_json("history", "show", "F12") == []
    assert (
        run_json("history", "import", "F12", "premises", "--from-json", "-", "--unit", "kW", stdin=flat)[
            "intervals"
        ]
        == 192
    )
    assert run_json("history", "show", "F12", "--from", "2025-06-15T11:30Z") == [
        {"start": NOON - 2 * STEP, "injection_w": {"premises": -1200}},
        {"start": NOON - STEP, "injection_w": {"premises": -1200}}]
    stdin = "start,p10,value,p90\n2025-06-15T12:00Z,1,2,3\n2025-06-15T12:15Z,1,2,3\n"
    assert (
        run_json("forecast", "put", "F12", "pv", "--csv", "-", "--unit", "kW", "--source", "bureau",
                 stdin=stdin)[
            "mean"
        ]
        == 2000
    )
    shown = run_json("forecast", "show", "F12", "--horizon", "30m", "--kind", "load", "--kind", "pv")
    assert (shown["load_source"], shown["pv_source"], len(shown["submitted"])) == ("a day ago", "bureau", 1)
    assert shown["intervals"][0]["load_p50_w"] == pytest.approx(-1200)
    second = shown["intervals"][1]
    assert [second[f"pv_p{part}_w"] for part in (10, 50, 90)] == pytest.approx([1000, 2000, 3000])
    assert "2025-06-15T12:15Z" in run("forecast", "show", "F12").output
    assert [row["pv_p50_w"] for row in run_json("vder", "forecast", "F12", "--horizon", "45m")] == [2000,
                                                                                                    2000, 0]


def test_cars_are_forecast_by_their_visits(run_json: Callable[..., Any]) -> None:
    stdin = "arrive,depart,wh,w\n2025-06-15T18:00,2025-06-16T06:00,14000,7000\n"
    put = run_json("forecast", "put", "F12", "ev", "--csv", "-", "--issued", "2025-06-15T10:00Z", stdin=stdin)
    assert put["sessions"] == 1
    assert run_json("forecast", "show", "F12")["submitted"][0]["issued_at"] == NOON - 2 * HOUR


def test_readings_that_came_late_are_summed_up_again(run_json: Callable[..., Any]) -> None:
    assert run_json("history", "roll", "--from", "2025-06-15T10:00Z") == {"intervals": 8}
    assert run_json("history", "roll", "--from", "2025-06-15T10:00Z", "--until", "2025-06-15T10:31Z") == {
        "intervals": 2
    }


@pytest.mark.parametrize("words, value", [
    (("--flat", "5kW"), 5000), (("--flat", "-0.5 MW"), -500_000), (("--flat", "4000"), 4000),
    (("--flat", "5", "--unit", "kW"), 5000), (("--flat", "5kW", "--unit", "MW"), 5000),
    (("--flat", "0.3", "--kind", "price"), 0.3)])
def test_a_flat_value_may_carry_its_unit(
        run_json: Callable[..., Any], words: tuple[str, ...], value: float) -> None:
    run_json("signal", "put", "F12", *words)
    assert run_json("signal", "show", "F12")[0]["current"] == value


@pytest.mark.parametrize("words, why", [
    (("put", "F12", "--flat", "5KW"), "--flat.: '5KW' has a unit in the wrong case; write 5kW"),
    (("put", "F12", "--flat", "5kWh"), "'5kWh' is energy; active power is needed, in W"),
    (("put", "F12", "--flat", "5kW", "--kind", "price"), "has a unit; a price is a plain number, per kWh"),
    (("put", "F12", "--flat", "1e13"), "'1e13' is beyond any plausible size"),
    (("push", "F12", "measured", "12.5KW"), "VALUE.: '12.5KW' has a unit in the wrong case; write 12.5kW"),
    (("push", "F12", "measured", "inf"), "'inf' is not a number such as 5kW")])
def test_a_value_with_a_wrong_unit_is_refused(
        run: Callable[..., Result], words: tuple[str, ...], why: str) -> None:
    assert re.search(why, run("signal", *words).output.replace("\n", " "))


def test_a_pushed_value_may_carry_its_unit(run_json: Callable[..., Any]) -> None:
    run_json("signal", "push", "F12", "measured", "-12.5kW")
    assert run_json("signal", "show", "F12")[0]["current"] == -12_500
