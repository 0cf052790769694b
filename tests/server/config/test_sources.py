"""Settings: where a value comes from, and what is refused there, with place, reason and remedy."""
from __future__ import annotations

from pathlib import Path

import pytest

from server.config import BadSettings, Settings, Source
from server.config.sources import ENVIRONMENT, FILE, OPTION
from tests.server.config.conftest import Write


def test_later_sources_win(write: Write) -> None:
    settings = Settings(write('port = 1111\nthreads = 3\n') | {"COUNTERPOISE_PORT": "2222", "PORT": "3333"})
    assert (settings.port, settings.threads, settings.host) == (2222, 3, "127.0.0.1")
    settings.set("port", "4444", Source(OPTION, "--set port", "port"))
    assert settings.port == 4444
    assert [settings.source(name).kind for name in ("port", "threads", "host")] == [OPTION, FILE, "default"]


@pytest.mark.parametrize("environ, why", [
    ({"COUNTERPOISE_PORT": "many"},
     "COUNTERPOISE_PORT: 'many' is not a whole number. Specify a whole number from 1 to 65535"),
    ({"COUNTERPOISE_REGISTRATION": "maybe"},
     "COUNTERPOISE_REGISTRATION: 'maybe' is neither yes nor no. Specify yes or no."),
    ({"COUNTERPOISE_PROT": "1"}, "COUNTERPOISE_PROT: no setting is called 'prot'. Did you mean port?"),
    ({"COUNTERPOISE_LEAST_CHARG": "1"}, "Did you mean min_charge_w?"),
    ({"COUNTERPOISE_CONFIG": "/nowhere.toml"},
     "COUNTERPOISE_CONFIG: there is no file /nowhere.toml. Name a TOML file"),
    ({"COUNTERPOISE_CONFIG": "/"}, "/: it cannot be read: Is a directory."),
    ({"COUNTERPOISE_DATABASE": "mysql://me:pass:w@rd@here/x"},
     r"'mysql://me:\*\*\*@here/x' has the unknown scheme")])
def test_what_is_refused_names_place_reason_and_remedy(environ: dict[str, str], why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        Settings(environ)


@pytest.mark.parametrize("text, why", [
    ("prot = 1", "c.toml: prot: no setting is called 'prot'. Did you mean port?"),
    ("port = 8443.0", "c.toml: port: 8443.0 is not a whole number"),
    ("port = true", "c.toml: port: True is not a whole number"),
    ("reserve = nan", "c.toml: reserve: nan is not a finite number"),
    ("operator = 7", "c.toml: operator: 7 is not a text: put it in quotes"),
    ('operator = "a\\nb"', "c.toml: operator: .* has characters that cannot be printed"),
    ("registration = 2", "c.toml: registration: 2 is neither yes nor no"),
    ("[server]\nport = 1", "c.toml: server: no setting is called 'server'"),
    ("port 1", "c.toml: it is not TOML: .*line 1.* Write NAME = VALUE")])
def test_what_is_refused_in_a_file(text: str, why: str, write: Write) -> None:
    with pytest.raises(BadSettings, match=why):
        Settings(write(text))


def test_all_faults_are_told_at_once(write: Write) -> None:
    with pytest.raises(BadSettings) as refused:
        Settings(write("workers = -3\nprot = 1\n") | {"COUNTERPOISE_RESERVE": "7"})
    starts = [fault.partition(": ")[2][:7] for fault in refused.value.faults]
    assert starts == ["workers", "prot: n", "'7' is "]


def test_an_import_does_not_fail_but_the_first_command_does() -> None:
    settings = Settings({"COUNTERPOISE_WORKERS": "-3", "COUNTERPOISE_THREADS": "3"}, strict=False)
    assert (settings.workers, settings.threads) == (2, 3)
    with pytest.raises(BadSettings, match="COUNTERPOISE_WORKERS"):
        settings.require()
    settings.read({})
    settings.require()
    settings.require()


def test_variables_for_tests_are_no_settings() -> None:
    Settings({"COUNTERPOISE_TEST_POSTGRES": "postgresql://", "_COUNTERPOISE_COMPLETE": "zsh_source"})


def test_an_attribute_is_checked_as_any_other_value() -> None:
    settings = Settings({})
    with pytest.raises(ValueError, match="workers: 0 is less than 1"):
        settings.workers = 0
    with pytest.raises(AttributeError, match="prot"):
        settings.prot = 1
    with pytest.raises(AttributeError, match="prot"):
        settings.prot  # noqa: B018


def test_an_old_name_works_with_a_warning(write: Write) -> None:
    settings = Settings(write("silence = 3") | {"COUNTERPOISE_SEASON": "30"})
    settings.set("grants", "off", Source(OPTION, "--set grants", "grants"))
    assert (settings.non_response_hold_hours, settings.season_days) == (3.0, 30)
    assert settings.reservation_policy == "off"
    assert [sentence.partition(" The")[0].rpartition(": ")[2] for sentence in settings.outdated()] == [
        "silence is called non_response_hold_hours now.", "season is called season_days now.",
        "grants is called reservation_policy now."]


def test_old_and_new_name_in_one_source_contradict_each_other(write: Write) -> None:
    with pytest.raises(BadSettings, match="season_days: .*season is the same setting. Keep season_days"):
        Settings(write("season = 1\nseason_days = 2"))
    assert Settings(write("season = 1") | {"COUNTERPOISE_SEASON_DAYS": "2"}).outdated() == []


def test_another_process_gets_the_same_settings(write: Write, tmp_path: Path) -> None:
    environ = write('port = 1111\nsilence = 3\nregistration = true')
    environ |= {"COUNTERPOISE_SEASON": "30", "HOME": "/root"}
    settings = Settings(environ)
    settings.set("port", "8443", Source(OPTION, "--set port", "port"))  # the default, against the file
    settings.reserve = 0.25
    passed = settings.environment(environ)
    assert passed.keys() == {"HOME", "COUNTERPOISE_CONFIG", *(f"COUNTERPOISE_{name}" for name in (
        "PORT", "NON_RESPONSE_HOLD_HOURS", "REGISTRATION", "SEASON_DAYS", "RESERVE"))}
    child = Settings(passed)
    assert (child.port, child.registration, child.season_days, child.reserve) == (8443, True, 30, 0.25)
    assert child.non_response_hold_hours == 3.0
    assert child.outdated() == [] and child.source("port").kind == ENVIRONMENT


def test_a_setting_is_set_even_to_its_default() -> None:
    settings = Settings({"COUNTERPOISE_PORT": "8443"})
    assert settings.is_set("port") and not settings.is_set("host")
    settings.host = settings.host
    assert settings.is_set("host")
