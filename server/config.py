"""Every setting once: its name, default and help.

A value comes from, later ones winning: the default here, a TOML file (`counterpoise.toml` in the working directory or
the file that `COUNTERPOISE_CONFIG` names), the environment (`COUNTERPOISE_PORT=8443`), the command line.
"""
from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One setting; its type is the type of its default."""
    default: Any
    help: str


SETTINGS: dict[str, Setting] = {
    # the store
    "database": Setting("sqlite:///var/counterpoise.db", "where documents are kept: sqlite:///PATH or postgresql://…"),
    "busy_timeout": Setting(20, "seconds a writer waits for its turn before the client is told to come back"),
    # the devices' door
    "host": Setting("127.0.0.1", "address the devices' door listens on"),
    "port": Setting(8443, "port the devices' door listens on"),
    "workers": Setting(2, "gunicorn worker processes"),
    "threads": Setting(4, "threads per worker process"),
    "max_connections": Setting(2000, "connections one worker process keeps open"),
    "keepalive": Setting(75, "seconds an idle connection is kept"),
    "handshake_timeout": Setting(10, "seconds a TLS handshake may take"),
    "header_timeout": Setting(10, "seconds the header of a request may take"),
    "body_timeout": Setting(20, "seconds the body of a request may take"),
    "max_body": Setting(1 << 20, "bytes a request's body may have"),
    "certificate": Setting("certs/dev/server.pem", "the server's certificate chain (PEM)"),
    "key": Setting("certs/dev/server.key", "the server's private key (PEM)"),
    "client_ca": Setting("certs/dev/ca.pem", "the authorities whose device certificates are accepted (PEM)"),
    "proxies": Setting("", "addresses of TLS-terminating proxies, comma separated; empty: TLS ends here"),
    "proxy_header": Setting("X-SSL-Client-Cert", "header in which such a proxy hands on the client's certificate"),
    "access_log": Setting(False, "log each request: who, what, and how it was answered"),
    # what devices are told
    "registration": Setting(False, "let certified devices that are not enrolled register themselves (POST EndDevice)"),
    "pins": Setting("", "PINs of devices that may register themselves: a JSON list of objects with lfdi and pin"),
    "default_vder": Setting("", "name of the virtual DER that a newly enrolled device joins"),
    "poll_rate": Setting(300, "seconds between polls, where no other rate is set for a resource or device"),
    "post_rate": Setting(300, "seconds between posts of readings, likewise"),
    "list_limit": Setting(1, "items of a list that a GET without `l` returns (the standard says 1)"),
    "log_events": Setting(100, "newest LogEvents kept per device"),
    "reading_days": Setting(400, "days for which readings are kept"),
    "event_days": Setting(40, "days for which events that are over, answers to them, orders and their shares are kept"),
    "timezone": Setting("UTC", "IANA time zone of the service area, for Time.localTime and daylight saving"),
    "time_quality": Setting(4, "Time.quality: 3 external, 4 level 4, 5 level 5, 6 level 6, 7 intentionally uncoordinated"),
    "enterprise": Setting(0, "IANA private enterprise number that ends our mRIDs"),
    "grants": Setting("earliest", "how a FlowReservationRequest is answered at once: earliest, or off (`ev grant` does)"),
    # operators
    "operator": Setting("", "name that the audit trail has for what is done here; empty: the user's, or --as"),
    # the balance
    "least_charge": Setting(1380.0, "the least W at which a car can be charged (6 A on one phase); below it waits"),
    "reserve": Setting(0.1, "part of its capacity that a battery keeps, 0 to 1"),
    "comfort_hours": Setting(0.75, "hours at full power that a thermal load can be early or late by within comfort"),
    "season": Setting(365, "days, counted back from now, in which a contract's events are counted"),
    "silence": Setting(24.0, "hours for which who did not respond is asked for nothing, then gets another chance"),
    "comfort_kelvin": Setting(2.0, "K by which the balance may shift a thermostat's set point, either way"),
    "clock": Setting("", "pace of the clock: empty for the system's, 60x for sixty times as fast"),
}


class Settings:
    """The settings in force, as attributes."""

    def __init__(self, environ: dict[str, str] | os._Environ[str] = os.environ):
        self.reload(environ)

    def reload(self, environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
        """Read everything again, from defaults to environment."""
        for name, setting in SETTINGS.items():
            setattr(self, name, setting.default)
        path = Path(environ.get("COUNTERPOISE_CONFIG", "counterpoise.toml"))
        if path.exists():
            for name, value in tomllib.loads(path.read_text()).items():
                self.set(name, value, f"{path}")
        elif "COUNTERPOISE_CONFIG" in environ:
            raise ValueError(f"COUNTERPOISE_CONFIG: there is no file {path}")
        for key, text in environ.items():
            name = key.removeprefix("COUNTERPOISE_").lower()
            if key.startswith("COUNTERPOISE_") and name in SETTINGS:
                self.set(name, text, key)

    def set(self, name: str, value: Any, source: str = "") -> None:
        """Set one; ValueError names the source where the value does not fit."""
        if name not in SETTINGS:
            raise ValueError(f"{source}: no setting is called {name!r}")
        try:
            setattr(self, name, convert(type(SETTINGS[name].default), value))
        except ValueError as error:
            raise ValueError(f"{source or name}: {error}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in SETTINGS:
            raise AttributeError(f"no setting is called {name!r}")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no setting is called {name!r}")


def convert(kind: type, value: Any) -> Any:
    """A value of this type from TOML or from text; ValueError says what was expected."""
    if kind is bool and isinstance(value, str):
        words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
        if value.lower() not in words:
            raise ValueError(f"{value!r} is neither yes nor no")
        return words[value.lower()]
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not of type {kind.__name__}") from None


settings = Settings()
