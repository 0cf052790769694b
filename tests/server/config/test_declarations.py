"""Each setting, from each source: its bounds and choices are accepted; what lies just outside is refused."""
from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from server.config import SETTINGS, BadSettings, Setting, Settings, Source
from server.config.sources import OPTION
from tests.server.config.conftest import Write

Give = Callable[[str, object], Settings]
ROOT = Path(__file__).parents[3]
OUTSIDE_RANGE = "is (less|more) than"
# Texts that are accepted and texts that are refused, for settings whose texts follow a rule.
ACCEPTED = {
    "alarm_mail_from": ["", "derms@example.org"],
    "alarm_mail_to": ["", "shift@example.org, second@example.org"],
    "alarm_webhook": ["", "https://example.org/alarms", "http://10.0.0.1:8080/x"],
    "map_tiles_url": ["", "https://tiles.example.org/{z}/{x}/{y}.png"],
    "metrics_token": ["", "0123456789abcdef" * 4],
    "openid_issuer": ["", "https://login.example.org/realms/grid", "http://127.0.0.1:9000"],
    "console_host": ["127.0.0.1", "::1, 127.0.0.1"],
    "connection_point_pattern": ["", "[0-9A-Z]{10}[0-9]?"],
    "currency": ["", "EUR", "usd", "978"],
    "database": ["sqlite:///var/x.db", "sqlite:////tmp/x.db", "postgresql://me:pw@h:5432/x",
                 "postgresql:///x"],
    "host": ["127.0.0.1", "::", "0.0.0.0", "derms.example.org", "localhost"],
    "proxies": ["", "127.0.0.1", "10.0.0.0/8, fd00::/8"],
    "notification_networks": ["", "10.0.0.0/8, fd00::/8"],
    "webhook_networks": ["", "127.0.0.0/8"],
    "proxy_header": ["X-SSL-Client-Cert"],
    "client_ca": ["/etc/ca.pem"],
    "default_vder": ["", "everyone", "x" * 32],
    "timezone": ["UTC", "Europe/Vienna"],
    "holidays": ["", "12-25", "2026-04-06, 12-25"],
    "further_suites": ["", "AES256-SHA256", "AES256-SHA256, ECDHE-ECDSA-AES256-SHA384"],
    "clock": ["", "60x", "60", "1.5x", "0.0@1000.0@0.0", "60@1@2"]}
REFUSED = {
    "alarm_mail_from": ["derms", "a b@example.org"],
    "alarm_mail_to": ["shift@example.org,", "shift@example.org; x"],
    "alarm_webhook": ["example.org", "ftp://example.org", "https://", "http://["],
    "map_tiles_url": ["https://tiles.example.org/", "tiles/{z}/{x}/{y}"],
    "metrics_token": ["secret", "0123456789abcdef" * 3],
    "openid_issuer": ["login.example.org", "http://login.example.org", "https://x/?a=b"],
    "console_host": ["", "a b"],
    "connection_point_pattern": ["[0-9", "(a"],
    "currency": ["euro", "0", "1000"],
    "database": ["", "x.db", "sqlite:x", "sqlite:///", "mysql://h/x", "postgresql://h", "postgresql://h:p/x"],
    "host": ["", "a b", "999.1.1.1", "https://x", "-x.org"],
    "proxies": ["nginx", "10.0.0.1/8", "127.0.0.1,", ","],
    "notification_networks": ["10.0.0.1/8", "somewhere"],
    "webhook_networks": ["10.0.0.1/8", "somewhere"],
    "proxy_header": ["", "X SSL", "X_SSL", "1-x"],
    "client_ca": ["", " "],
    "default_vder": ["12", "x" * 33],
    "timezone": ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime"],
    "holidays": ["25.12.2026", "2026-02-30", "13-01", "Christmas"],
    "further_suites": ["RC4-MD5", "AES256", "AES256-SHA256 ECDHE-RSA-AES128-GCM-SHA256"],
    "clock": ["fast", "0x", "-1x", "nan", "infx", "2e6x", "1@2", "1@nan@2", "-1@0@0", "file:"]}


@pytest.fixture(params=["file", "environment", "option", "program"])
def give(request: pytest.FixtureRequest, write: Write) -> Give:
    """Settings of which one is given a value, by one of the sources."""
    def given(name: str, value: object) -> Settings:
        if request.param == "file":
            return Settings(write(f"{name} = {json.dumps(value)}"), strict=False)
        if request.param == "environment":
            return Settings({f"COUNTERPOISE_{name.upper()}": str(value)}, strict=False)
        settings = Settings({})
        if request.param == "option":
            settings.set(name, str(value), Source(OPTION, f"--set {name}", name))
        else:
            setattr(settings, name, value)
        return settings
    return given


def refused(give: Give, name: str, value: object, why: str) -> None:
    """The value is refused, and what is said names the setting, and what is accepted."""
    with pytest.raises(ValueError, match=why) as error:
        give(name, value).require()
    assert name in str(error.value).lower() and f"Specify {SETTINGS[name].allowed}" in str(error.value)


def for_each_setting(which: Callable[[Setting], bool]) -> pytest.MarkDecorator:
    """Run a test once for each setting of which this is true."""
    names = [name for name, setting in SETTINGS.items() if which(setting)]
    return pytest.mark.parametrize("setting", [SETTINGS[name] for name in names], ids=names)


@for_each_setting(lambda setting: setting.kind in (int, float))
def test_a_number_within_its_bounds(setting: Setting, give: Give) -> None:
    assert setting.least is not None and setting.most is not None
    step = 1 if setting.kind is int else None
    for bound, outside in ((setting.least, -math.inf), (setting.most, math.inf)):
        value = setting.kind(bound)
        assert getattr(give(setting.name, value), setting.name) == value
        beyond = value + math.copysign(step, outside) if step else math.nextafter(value, outside)
        refused(give, setting.name, setting.kind(beyond), OUTSIDE_RANGE)


@for_each_setting(lambda setting: bool(setting.choices))
def test_a_choice(setting: Setting, give: Give) -> None:
    for choice in setting.choices:
        assert getattr(give(setting.name, choice), setting.name) == choice
    lower = next(choice for choice in setting.choices if choice != choice.upper())
    refused(give, setting.name, lower.upper(), "is not one of them")


@for_each_setting(lambda setting: setting.kind is bool)
def test_yes_and_no(setting: Setting, give: Give) -> None:
    for value, words in ((True, ("yes", "ON", "1", "true")), (False, ("no", "off", "0", "False"))):
        for word in words:
            assert getattr(give(setting.name, word), setting.name) is value
    refused(give, setting.name, "2", "is neither yes nor no")


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_text_that_follows_a_rule(name: str, give: Give) -> None:
    for text in ACCEPTED[name]:
        assert getattr(give(name, text), name) == text
    for text in REFUSED[name]:
        refused(give, name, text, "(has|is|names|consists)")


def test_every_rule_has_texts_that_follow_it_and_others() -> None:
    assert ACCEPTED.keys() == REFUSED.keys() == {name for name, setting in SETTINGS.items() if setting.check}


@for_each_setting(lambda setting: True)
def test_a_setting_is_declared_in_full(setting: Setting) -> None:
    assert setting.help and setting.group and setting.unit and setting.allowed
    assert setting.parse(setting.default) == setting.default
    assert (setting.kind in (int, float)) == (setting.least is not None and setting.most is not None)
    assert setting.help[0].islower() or setting.help.startswith(("Time.", "LogEvents", "PINs"))
    assert not setting.help.endswith(".")
    assert setting.was not in SETTINGS


def test_the_example_of_deploy_is_accepted() -> None:
    settings = Settings({"COUNTERPOISE_CONFIG": str(ROOT / "deploy/counterpoise.toml")})
    assert settings.timezone == "Europe/Vienna" and settings.outdated() == []
    with pytest.raises(BadSettings, match="certificate: /etc/counterpoise/server.pem: there is no such file"):
        settings.require(files=True)


@pytest.mark.parametrize("name, text, value", [
    ("plausible_power_w", "50kW", 50_000.0), ("plausible_power_w", "0.05 MW", 50_000.0),
    ("min_charge_w", "1380", 1380.0), ("plausible_energy_wh", "20kWh", 20_000.0), ("poll_rate", "5min", 300),
    ("poll_rate", "PT5M", 300), ("poll_rate", "300", 300), ("event_days", "2d", 2), ("event_days", "48h", 2),
    ("reload_hours", "1d", 24), ("comfort_hours", "45m", 0.75), ("comfort_hours", "0.75", 0.75),
    ("reserve", "10%", 0.1), ("full_soc_percent", "110 %", 110.0)])
def test_a_value_may_carry_its_unit(give: Give, name: str, text: str, value: float) -> None:
    given = give(name, text)
    given.require()
    assert getattr(given, name) == value
    words = SETTINGS[name].in_words(value)
    assert SETTINGS[name].parse(words) == value and not words.replace(".", "").isdecimal()


@pytest.mark.parametrize("name, text, why", [
    ("plausible_power_w", "50KW", "'50KW' has a unit in the wrong case; write 50kW. Specify a number from"),
    ("plausible_power_w", "50kWh", "is energy; active power is needed, in W"),
    ("plausible_power_w", "50kVA", "is apparent power"), ("plausible_power_w", "5W", "is less than 1000"),
    ("poll_rate", "5MIN", "has a unit in the wrong case; write 5min"),
    ("poll_rate", "1.5s", "a whole number"),
    ("poll_rate", "5kW", "is not a duration"), ("event_days", "1h", "a whole number"),
    ("quota_ders", "5kW", "is not a whole number"), ("reserve", "110%", "is more than 1")])
def test_a_value_with_a_wrong_unit_is_refused_in_words(give: Give, name: str, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        give(name, text).require()
