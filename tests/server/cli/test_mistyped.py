"""What an operator mistypes is refused in words: no traceback, an exit status that is not 0, and what is
wrong is named."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.config import settings
from server.devices import enrolment
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import AuditEntry
from tests import peers
from tests.conftest import NOON

BIG = "9" * 25
# What is typed, and what has to be in the answer. {file} is a file of what stands before the colon in FILES.
FILES = {
    "empty": b"",
    "binary": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "number": b"7",
    "lines": b"start,value\n",
    "typed": b'[{"lfdi": 5}]',
    "labels": b'[{"lfdi": "00", "labels": "a"}]',
    "nobody": b'[{"name": "x"}]',
}
BAD: dict[str, list[tuple[str, str]]] = {
    "hrefs": [
        *(
            (f"{verb} {href}", why.format(href))
            for verb, why in (
                ("control show", "there is no control {}"),
                ("control cancel", "there is no control {}"),
                ("dr event show", "no load control event {}"),
                ("dr event cancel", "no load control event {}"),
                ("report event", "no load control event {}"),
            )
            for href in ("/derp/1/dderc", "/edev/1", "/derp", "nonsense", "/x/y")
        ),
        ("responses /edev/1", "/edev/1 is not an event"),
        ("control post street opModVoltVar=/edev/1 --duration 5m", "opModVoltVar: there is no curve /edev/1"),
        ("ev grant one --power 1 --duration 5m --request /edev/1", "/edev/1"),
    ],
    "names": [
        *(
            (f"{verb} {name}", f"no virtual DER '{name}'")
            for verb in (
                "vder show",
                "vder update",
                "vder delete --yes",
                "vder status",
                "vder capability",
                "vder forecast",
                "vder default",
                "vder members list",
                "vder members validate",
                "control list",
                "dispatch list",
                "dr event list",
                "ev sessions",
                "signal show",
                "forecast show",
                "history show",
                "plan run",
                "plan list",
                "plan auto",
                "report day",
                "report month",
                "report nonresponders",
                "report unmet",
                "signal withdraw --kind price",
                "signal put --flat 1",
            )
            for name in ("F13", "77", BIG)
        ),
        *(
            (f"{verb} {name}", f"no device is called '{name}'")
            for verb in (
                "device show",
                "device label",
                "device update --profile csip",
                "device suspend",
                "device restore",
                "device remove --yes",
                "preview",
                "readings",
                "opt-out set",
                "opt-out clear",
                "contract set",
                "contract show",
                "ev cancel",
                "responses --device",
                "vder members add street",
                "poll-rate 60 --device",
            )
            for name in ("nobody", "77", BIG, "²")
        ),
        *(
            (f"{verb} {number}", number)
            for verb in (
                "dispatch show",
                "dispatch shares",
                "dispatch cancel",
                "dispatch extend --by 5m",
                "plan show",
                "plan approve",
                "plan publish",
                "baseline show",
            )
            for number in ("77", BIG, "one")
        ),
        ("signal put street --kind wind --flat 1", "'wind' is not one of"),
        ("poll-rate 60 --kind Wind", "there is no resource Wind"),
        ("poll-rate 0", "'0' is not between 1 s and"), ("post-rate 0s", "'0s' is not between 1 s and"),
        ("signal withdraw street --kind price", "there is no price of street to withdraw"),
        ("control post street opModWind=1 --duration 5m", "DERControlBase has no opModWind"),
        ("control curve street --type opModVoltVar --point 1;2 --y-ref-type 1", "'1;2' is not X,Y"),
    ],
    "times": [
        *(
            (f"control cancel /derp/1/derc/1 --at {when}", why)
            for when, why in (
                ("0001-01-01", "not a time between 1970 and 2200"),
                (BIG, "is not a time such as"),
                ("2025-13-01", "is not a time such as now, +15m"),
                (f"+{BIG}d", "longer than"),
                ("", "is not a time such as now"),
            )
        ),
        *(
            (f"control post street opModConnect=no --duration {length}", why)
            for length, why in (
                ("0", "at least one second"),
                ("-1", "'-1' is not a duration"),
                (f"{BIG}d", "longer than"),
                ("soon", "'soon' is not a duration"),
            )
        ),
        ("signal withdraw street --kind imbalance --from 1970-01-01", "withdrawn from 1970-01-01T00:00Z"),
        ("signal put street --flat 1 --for 40000d", "--for 3456000000 s"),
        ("signal put street --flat 1 --step 1", "a step of 1 s"),
        ("plan run street --horizon 40000d", "horizon 3840000"),
        ("forecast show street --horizon 700d", "a horizon of 60480000 s"),
        ("vder forecast street --horizon 0", "a horizon of 0 s"),
        ("vder capability street --step 0", "0 s in 86400 s"),
        ("opt-out set one --until 2020-01-01", "is in the past: specify until when"),
        ("report day street --date 9999-12-31", "is in the future"),
        ("report month street --month 9999-12", "is in the future"),
    ],
    "numbers": [
        *(
            (f"{verb} {number}", number)
            for verb in (
                "control post street opModConnect=no --duration 5m --ramp",
                "dispatch street --duration 5m --watts",
                "dispatch street --duration 5m --limit-watts",
                "dr event create street --duration 5m --offset",
                "dr event create street --duration 5m --load",
                "ev grant one --duration 5m --power",
                "signal put street --flat",
                "signal put street --flat 1 --tolerance",
                "signal push street measured",
                "contract set one --hours",
                "contract set one --block pump --power",
                "plan auto street --reserve",
            )
            for number in ("nan", "1e300", "-inf", "many")
        ),
        *(
            (f"{verb} {number}", number)
            for verb in (
                "signal put street --flat 1 --priority",
                "contract set one --tier",
                "dispatch list --limit",
                "readings one --limit",
                "responses --limit",
                "vder update street --primacy",
                "audit tail -n",
                "plan auto street --horizon",
                "control post street opModConnect=no --duration 5m --randomize-start",
                "control post street opModConnect=no --duration 5m --category",
            )
            for number in (BIG, "-70000", "x")
        ),
        ("vder update street --import-limit nan", "'nan' is not a number such as 5kW"),
        ("control post street opModConnect=[1] --duration 5m", "opModConnect=[1]: yes or no is needed"),
        (
            'control post street opModMaxLimW={"x":1} --duration 5m',
            'opModMaxLimW={"x":1}: {"x":1} is not a number such as 50%',
        ),
        (f"device show {peers.lfdi(7)}", "no device is called"),
        ("enrol 00", "'00' is not 40 hexadecimal digits"),
        (f"enrol {peers.lfdi(7)} --pin -1", "PIN"),
        ("contract set one --events -1", "-1"),
    ],
    "files": [
        *(
            (f"{verb} {{{file}}}", "{" + file + "}")
            for verb in (
                "signal put street --csv",
                "signal put street --from-json",
                "forecast put street load --csv",
                "forecast put street load --from-json",
                "forecast put street ev --csv",
                "history import street load --from-json",
                "enrol --from",
                "vder members import street",
                "contract import",
            )
            for file in FILES
            if (verb, file) != ("enrol --from", "lines")
        ),
        ("enrol --from {typed}", "device 1: its lfdi is not text"),
        ("enrol --from {labels}", "device 1: its labels is not an object"),
        ("enrol --from {nobody}", "device 1: it has no lfdi"),
        ("audit verify {deep}", "this is not an audit log"),
        ("audit verify {binary}", "this is not an audit log"),
        ("signal put street --csv /nowhere/x", "/nowhere/x"),
        ("vder members import street /nowhere/x", "/nowhere/x cannot be read: No such file or directory"),
        ("report day street --html {empty}/x.html", "the page cannot be written there"),
    ],
}


@pytest.fixture
def run_line(device: peers.Peer, tmp_path: Path) -> Any:
    """Type a line at a street with one device, a default, a control and a signal."""
    enrolment.relabel(enrolment.find("1"), {}, "one")
    virtualders.create("street", members=["one"])
    defaultcontrols.set_default("street", {"opModMaxLimW": 5000})
    dercontrols.post("street", {"opModConnect": True}, 600)
    signals.put("street", "imbalance", [1000.0] * 96, NOON, 900)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)

    def line(words: str) -> Result:
        settings.clock = clock.spec()
        return CliRunner().invoke(
            main, ["--as", "alice", *(filled(word, tmp_path) for word in words.split(" "))]
        )
    return line


def filled(words: str, folder: Path) -> str:
    for name in FILES:
        words = words.replace(f"{{{name}}}", str(folder / name))
    return words


@pytest.mark.parametrize("what", BAD)
def test_what_is_mistyped_is_refused_in_words(run_line: Any, what: str, tmp_path: Path) -> None:
    unclear = []
    for words, why in BAD[what]:
        result = run_line(words)
        if (
            result.exit_code not in (1, 2)
            or not isinstance(result.exception, SystemExit)
            or "Error: " not in result.output
            or filled(why, tmp_path) not in " ".join(result.output.split())
        ):
            unclear.append((words, why, result.output, result.exception))
    assert unclear == [] and not AuditEntry.select().exists()
