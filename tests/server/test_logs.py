"""The log: level, format, what a record says beside its message, and what nobody foresaw."""
from __future__ import annotations

import json
import logging
import os
import re
import tempfile
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from server import actors, clock, logs
from server.cli import main
from server.devices import access
from server.grid.balance import areasettings, controller
from server.grid.groups import virtualders
from server.protocol import app as device_app
from tests.peers import Peer
from tests.server.conftest import Configure

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
log = logging.getLogger("server.somewhere")
Capture = pytest.CaptureFixture[str]


def test_a_record_for_people(configure: Configure, capsys: Capture) -> None:
    configure()
    with logs.context(area="F 12", order=7), logs.context(order=8):
        log.warning("%s W are missing", 500)
    line = capsys.readouterr().err
    head, _, fields = line.partition(" command=")
    assert re.fullmatch(rf"{INSTANT} WARNING server.somewhere\[{os.getpid()}\]: 500 W are missing", head)
    assert fields == 'work area="F 12" order=8\n'


def test_a_record_for_programs(configure: Configure, capsys: Capture) -> None:
    configure(log_format="json")
    with logs.context(area="F12"):
        log.error("two\nlines: ü", extra={"fields": {"status": 200}})
    line = capsys.readouterr().err
    entry = json.loads(line)
    assert line.count("\n") == 1 and re.fullmatch(INSTANT, entry.pop("time"))
    assert entry == {"level": "error", "logger": "server.somewhere", "process": os.getpid(),
                     "command": "work", "message": "two\nlines: ü", "area": "F12", "status": 200}


def test_instants_are_those_of_the_systems_clock(configure: Configure, capsys: Capture,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    configure(log_format="json")
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.25)
    monkeypatch.setattr("time.time_ns", lambda: 1_800_000_000_250_000_000)
    pace = clock.spec()
    clock.turn_to(0)
    log.error("now")
    clock.follow(pace)
    assert json.loads(capsys.readouterr().err)["time"] == "2027-01-15T08:00:00.250Z"


def test_what_others_send_forges_no_line(configure: Configure, capsys: Capture) -> None:
    configure()
    with logs.context(path='/x\n2026 "y"'):
        log.error("failed: %s", "a\r\nb\x1b[31m\u2028")
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and r'failed: a\r\nb\x1b[31m\u2028' in line
    assert r'path="/x\n2026 \"y\""' in line


@pytest.mark.parametrize("level, written", [
    ("debug", ["debug", "info", "warning"]), ("info", ["info", "warning"]), ("warning", ["warning"]),
    ("error", [])])
def test_levels(level: str, written: list[str], configure: Configure, capsys: Capture) -> None:
    configure(log_level=level, log_format="json")
    for level_name in ("debug", "info", "warning"):
        getattr(log, level_name)(level_name)
    logging.getLogger("peewee").debug("a PIN")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == written


def test_fields_cost_nothing_where_nothing_is_written(configure: Configure, capsys: Capture) -> None:
    configure()
    asked = []

    class Asked:
        def log_fields(self) -> logs.Fields:
            asked.append(1)
            return {"path": "/dcap"}
    token = logs.scope.set(Asked())
    log.info("not written")
    assert asked == []
    log.warning("written")
    logs.scope.reset(token)
    log.warning("outside")
    inside, outside = capsys.readouterr().err.splitlines()
    assert asked == [1] and inside.endswith("path=/dcap") and "path" not in outside


def test_it_may_be_set_up_again(configure: Configure, capsys: Capture) -> None:
    def others() -> list[logging.Handler]:
        return [handler for handler in logging.root.handlers if not isinstance(handler, logs.StandardError)]
    before = others()
    configure("one")
    configure("two")
    log.error("once")
    assert capsys.readouterr().err.count("command=two") == 1 and others() == before


def test_what_nobody_foresaw_is_logged_with_a_reference(configure: Configure, capsys: Capture) -> None:
    configure()
    try:
        raise KeyError("x")
    except KeyError:
        sentence = logs.unexpected(log, "the step")
    line, *trace = capsys.readouterr().err.splitlines()
    reference = re.fullmatch(r"the step failed unexpectedly\. "
                             r"The log has the details, reference ([0-9a-f]{8})\.", sentence)
    assert reference and "ERROR server.somewhere" in line and line.endswith(f"reference={reference[1]}")
    assert trace[0].startswith("Traceback") and trace[-1] == "KeyError: 'x'"


def test_a_thread_that_ends_is_logged(configure: Configure, capsys: Capture) -> None:
    configure(log_format="json")
    logs.watch_threads()
    thread = threading.Thread(target=lambda: 1 / 0, name="seen")
    thread.start()
    thread.join()
    entry = json.loads(capsys.readouterr().err)
    assert entry["message"] == "thread seen ended" and "ZeroDivisionError" in entry["exception"]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command that fails as nobody foresaw."""
    @click.command("broken")
    def command() -> None:
        raise RuntimeError("a\nb")
    monkeypatch.setitem(main.commands, "broken", command)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_person_gets_a_line_a_file_the_details(configure: Configure, broken: None, tmp_path: Path) -> None:
    configure()
    result = CliRunner().invoke(main, ["broken"])
    match = re.fullmatch(r"Error: broken failed unexpectedly \(RuntimeError: a\\nb\)\. "
                        r"Details, reference ([0-9a-f]{8}): (.*)\n", result.output)
    assert result.exit_code == 1 and match, result.output
    file, = tmp_path.iterdir()
    assert str(file) == match[2] and file.stat().st_mode & 0o077 == 0
    details = file.read_text()
    assert f"command=broken reference={match[1]}\nTraceback" in details and "raise RuntimeError" in details


def test_the_file_cannot_be_written(configure: Configure, broken: None, tmp_path: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    configure()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    result = CliRunner().invoke(main, ["broken"])
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert "not kept (No such file or directory)" in result.output


def test_whoever_reads_the_output_has_enough(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("piped")
    def command() -> None:
        raise BrokenPipeError(32, "Broken pipe")
    monkeypatch.setitem(main.commands, "piped", command)
    configure()
    assert "Error" not in CliRunner().invoke(main, ["piped"]).output


def test_the_access_log(configure: Configure, device: Peer, capsys: Capture) -> None:
    configure("serve", log_level="error", log_format="json", access_log=True)
    device.get("/edev?s=0&l=1")
    entry = json.loads(capsys.readouterr().err)
    assert entry.pop("bytes") > 100 and entry.pop("time") and entry.pop("ms") >= 0
    assert entry.pop("message").startswith("answered 200, ") and len(entry.pop("request")) == 12
    assert entry == {"level": "info", "logger": "server.access", "process": os.getpid(), "command": "serve",
                     "status": 200, "lfdi": device.lfdi, "method": "GET", "path": "/edev?s=0&l=1"}
    configure("serve", log_format="text", access_log=True)
    device.get("/edev?l=x%0aforged")
    (line,) = capsys.readouterr().err.splitlines()
    assert "reason" not in line and "answered 400, " in line
    assert line.count(": list parameter l=x\\nforged is not a whole number from 0 on") == 1
    configure("serve", log_format="json", access_log=True)
    device.get("/edev/9")
    assert json.loads(capsys.readouterr().err)["reason"] == access.NOT_THERE
    configure("serve", access_log=False)
    device.get("/dcap")
    assert capsys.readouterr().err == ""


def test_a_request_that_fails_is_logged_with_who_and_what(
        configure: Configure, device: Peer, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("serve", log_format="json", access_log=True)
    monkeypatch.setattr(device_app.views, "respond", lambda *_: 1 / 0)
    answer = device.request("GET", "/dcap")
    entry, access_entry = map(json.loads, capsys.readouterr().err.splitlines())
    assert entry["request"] == access_entry["request"], "what belongs to one request is found by its id"
    assert (entry["message"], entry["lfdi"], entry["method"], entry["path"]) == (
        "the request failed", device.lfdi, "GET", "/dcap")
    assert "ZeroDivisionError" in entry["exception"] and answer.status == 500
    body = answer.body.decode()
    assert f"reference {entry['reference']}" in body and "division" not in body


@pytest.mark.parametrize("given, taken", [("shift-7.a:b", True), ("", False), ("x" * 65, False),
                                          ("a\nforged", False), ("a b", False)])
def test_a_request_has_the_id_that_its_client_gave_it(given: str, taken: bool) -> None:
    assert (logs.request_id(given) == given) == taken and len(logs.request_id()) == 12
    assert logs.request_id() != logs.request_id()


def test_what_an_operator_changes_is_logged(configure: Configure, server: None, capsys: Capture) -> None:
    configure("vder", log_level="info", log_format="json")
    with actors.acting("alice", "storm ahead"):
        virtualders.create("street")
        virtualders.update("street", primacy=7)
    entries = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [entry["message"] for entry in entries] == [
        "vder create by alice: street", "vder update by alice: street"]
    assert (entries[0]["operation"], entries[0]["reason"]) == ("vder create", "storm ahead")


def test_a_step_is_logged_with_its_area(configure: Configure, server: None, capsys: Capture) -> None:
    configure(log_format="json")
    virtualders.create("street")
    areasettings.set_automatic("street", True)
    capsys.readouterr()
    controller.run_due()
    entry = json.loads(capsys.readouterr().err)
    assert (entry["logger"], entry["area"]) == ("server.grid.balance.controller", "street")
    assert entry["message"].startswith("the step from 2025-06-15T12:00Z was not decided: ")
