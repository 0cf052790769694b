"""Settings: where a value comes from, and what does not fit."""
from __future__ import annotations

from pathlib import Path

import pytest

from server.config import SETTINGS, Settings, convert


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('port = 1111\nthreads = 3\n')
    found = Settings({"COUNTERPOISE_CONFIG": str(file), "COUNTERPOISE_PORT": "2222", "PORT": "3333"})
    assert (found.port, found.threads, found.host) == (2222, 3, "127.0.0.1")
    found.set("port", "4444")
    assert found.port == 4444


@pytest.mark.parametrize("environ, why", [
    ({"COUNTERPOISE_PORT": "many"}, "COUNTERPOISE_PORT: 'many' is not of type int"),
    ({"COUNTERPOISE_REGISTRATION": "maybe"}, "COUNTERPOISE_REGISTRATION: 'maybe' is neither yes nor no"),
    ({"COUNTERPOISE_CONFIG": "/nowhere.toml"}, "there is no file /nowhere.toml")])
def test_what_does_not_fit_names_its_source(environ: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Settings(environ)


def test_a_file_names_settings_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(ValueError, match="c.toml: no setting is called 'prot'"):
        Settings({"COUNTERPOISE_CONFIG": str(file)})
    with pytest.raises(AttributeError, match="prot"):
        Settings({}).prot  # noqa: B018


@pytest.mark.parametrize("word, value", [("yes", True), ("ON", True), ("0", False), ("False", False)])
def test_yes_and_no(word: str, value: bool) -> None:
    assert convert(bool, word) is value


def test_every_setting_has_help_and_a_default_of_its_type() -> None:
    for name, setting in SETTINGS.items():
        assert setting.help and convert(type(setting.default), setting.default) == setting.default, name
