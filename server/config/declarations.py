"""Every setting, once: name, default, unit, range, help, and the reason of a default that is not evident."""
from __future__ import annotations

from server.config import checks
from server.config.setting import Setting

STORE, DEVICE_INTERFACE, CERTIFICATES = "Store", "Device interface", "Certificates and proxies"
DEVICES, OPERATORS, BALANCE = "What devices are told", "Operators", "Balance"
PLAUSIBILITY, LOGGING, CLOCK = "Plausibility", "Logging", "Clock"
MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604_800  # s
CENTURY = 36_500  # days
UINT32 = 2 ** 32 - 1

_DECLARATIONS = (
    Setting(name="database", group=STORE, default="sqlite:///var/counterpoise.db", unit="URL",
            check=checks.DATABASE, help="database of resources and orders"),
    Setting(name="busy_timeout_s", group=STORE, default=20, unit="s", least=0, most=10 * MINUTE,
            was="busy_timeout",
            help="longest wait for other writers; then the client is asked to retry later (SQLite only)"),
    Setting(name="event_days", group=STORE, default=40, unit="days", least=1, most=CENTURY,
            help="retention of ended events, their responses, and orders",
            why="a month can be reported until the ninth day after it"),
    Setting(name="reading_days", group=STORE, default=400, unit="days", least=1, most=CENTURY,
            help="retention of readings", why="a year and a month"),
    Setting(name="alarm_days", group=STORE, default=90, unit="days", least=1, most=CENTURY,
            help="retention of alarms that are over"),

    Setting(name="host", group=DEVICE_INTERFACE, default="127.0.0.1", unit="address", check=checks.HOST,
            help="address on which the device interface listens; 0.0.0.0 listens on all addresses",
            why="devices can connect only after an operator has decided so"),
    Setting(name="port", group=DEVICE_INTERFACE, default=8443, unit="TCP port", least=1, most=65_535,
            help="port on which the device interface listens"),
    Setting(name="workers", group=DEVICE_INTERFACE, default=2, unit="processes", least=1, most=256,
            help="worker processes of the device interface; use about one for each core"),
    Setting(name="threads", group=DEVICE_INTERFACE, default=4, unit="threads", least=1, most=256,
            help="threads of each worker process; one computes while the others wait for input and output"),
    Setting(name="max_connections", group=DEVICE_INTERFACE, default=2000, unit="connections", least=1,
            most=1_000_000,
            help="most open connections of each worker process; fewer if the limit of open files is lower"),
    Setting(name="connections_per_certificate", group=DEVICE_INTERFACE, default=32, unit="connections",
            least=1, most=1_000_000,
            help="connections that a worker process keeps open for one certificate; for one more, the oldest "
                 "idle one is closed", why="a device needs one, an aggregator a few"),
    Setting(name="keepalive_s", group=DEVICE_INTERFACE, default=75, unit="s", least=1, most=DAY,
            was="keepalive", help="time after which an idle connection is closed",
            why="a device that polls every minute needs no new handshake"),
    Setting(name="handshake_timeout_s", group=DEVICE_INTERFACE, default=10, unit="s", least=1,
            most=10 * MINUTE, was="handshake_timeout",
            help="longest TLS handshake; then the connection is closed"),
    Setting(name="header_timeout_s", group=DEVICE_INTERFACE, default=10, unit="s", least=1, most=10 * MINUTE,
            was="header_timeout", help="longest time to receive the header of a request"),
    Setting(name="body_timeout_s", group=DEVICE_INTERFACE, default=20, unit="s", least=1, most=10 * MINUTE,
            was="body_timeout", help="longest time to receive the body of a request"),
    Setting(name="max_body_bytes", group=DEVICE_INTERFACE, default=1 << 20, unit="bytes", least=1024,
            most=1 << 26, was="max_body",
            help="largest body of a request; a larger one is answered with 413"),

    Setting(name="certificate", group=CERTIFICATES, default="certs/dev/server.pem", unit="PEM file",
            file=True, help="the file of the server's certificate chain (PEM)"),
    Setting(name="key", group=CERTIFICATES, default="certs/dev/server.key", unit="PEM file", file=True,
            help="the file of the server's private key (PEM)"),
    Setting(name="client_ca", group=CERTIFICATES, default="certs/dev/ca.pem", unit="PEM file", file=True,
            check=checks.PATH,
            help="the file of the authorities whose device certificates are accepted (PEM)"),
    Setting(name="proxies", group=CERTIFICATES, default="", unit="addresses", check=checks.NETWORKS,
            help="addresses or networks of proxies that end TLS; empty: the server ends TLS itself"),
    Setting(name="proxy_header", group=CERTIFICATES, default="X-SSL-Client-Cert", unit="header",
            check=checks.HEADER, help="header in which these proxies pass on the client's certificate"),

    Setting(name="registration", group=DEVICES, default=False, unit="yes/no",
            help="certified devices that are not enrolled may register themselves (POST EndDevice)"),
    Setting(name="strict_access", group=DEVICES, default=False, unit="yes/no",
            help="devices that are not enrolled see DeviceCapability alone (IEEE 2030.5-2018, 6.8)",
            why="a client that cannot read the time or register is hard to commission"),
    Setting(name="pins", group=DEVICES, default="", unit="JSON file",
            help="PINs of devices that register themselves, as a list of {lfdi, pin}; empty: PINs are new"),
    Setting(name="default_vder", group=DEVICES, default="", unit="name", check=checks.NAME,
            help="virtual DER that newly enrolled devices join; empty: none"),
    Setting(name="poll_rate", group=DEVICES, default=300, unit="s", least=1, most=WEEK,
            help="time between polls (pollRate), unless `poll-rate` sets another for a resource or device"),
    Setting(name="post_rate", group=DEVICES, default=300, unit="s", least=1, most=WEEK,
            help="time between posts of readings (postRate), unless `post-rate` sets another for a device"),
    Setting(name="list_limit", group=DEVICES, default=1, unit="items", least=1, most=255,
            help="items that a GET of a list returns without the parameter l", why="IEEE 2030.5-2018, 4.6"),
    Setting(name="log_events", group=DEVICES, default=100, unit="LogEvents", least=1, most=1_000_000,
            help="LogEvents kept for each device; the oldest are removed first"),
    Setting(name="timezone", group=DEVICES, default="UTC", unit="time zone", check=checks.TIME_ZONE,
            help="time zone of the service area: Time.localTime, daylight saving, days in reports"),
    Setting(name="time_quality", group=DEVICES, default=4, unit="code", least=3, most=7,
            help="Time.quality: 3 external, 4 level 4, 5 level 5, 6 level 6, 7 intentionally uncoordinated"),
    Setting(name="enterprise", group=DEVICES, default=0, unit="number", least=0, most=UINT32,
            help="your IANA private enterprise number; every mRID made here ends in it"),
    Setting(name="reservation_policy", group=DEVICES, default="earliest", unit="policy",
            choices=("earliest", "off"), was="grants",
            help="answer to a FlowReservationRequest: earliest grants at once, off leaves it to `ev grant`"),

    Setting(name="operator", group=OPERATORS, default="", unit="name",
            help="your name in the audit log, unless --as gives another; empty: your login name"),

    Setting(name="reserve", group=BALANCE, default=0.1, unit="share", least=0, most=1,
            help="share of its capacity that each battery keeps"),
    Setting(name="min_charge_w", group=BALANCE, default=1380.0, unit="W", least=0, most=100_000,
            was="least_charge", help="least charging power of a car; below it the car waits",
            why="6 A, the least of IEC 61851-1, on one phase of 230 V"),
    Setting(name="comfort_hours", group=BALANCE, default=0.75, unit="h", least=0, most=24,
            help="how far a thermal load may run ahead of or behind its usual use, in hours at full power"),
    Setting(name="comfort_kelvin", group=BALANCE, default=2.0, unit="K", least=0, most=10,
            help="largest change of a thermostat's set point, up or down"),
    Setting(name="season_days", group=BALANCE, default=365, unit="days", least=0, most=3660, was="season",
            help="period before now in which events count towards the limits of a contract"),
    Setting(name="non_response_hold_hours", group=BALANCE, default=24.0, unit="h", least=0, most=8760,
            was="silence",
            help="time for which a device that did not respond is not dispatched; then it is tried again"),

    Setting(name="plausible_power_w", group=PLAUSIBILITY, default=1_000_000.0, unit="W", least=1000,
            most=10_000_000_000,
            help="the greatest power that a device may report, as a rating or, where no rating is known, "
                 "as a reading; more is kept and not used",
            why="a residential device whose multiplier is wrong by 1,000 is above, a school is below"),
    Setting(name="plausible_reading_factor", group=PLAUSIBILITY, default=2.0, unit="x rating", least=1,
            most=1000,
            help="how many times the rating of its DER a reading may be; more is kept and not used",
            why="inverters exceed their rating for a short time, and some report a lower one than they have"),

    Setting(name="log_level", group=LOGGING, default="warning", unit="level",
            choices=("debug", "info", "warning", "error", "critical"),
            help="least severe level that is logged"),
    Setting(name="log_format", group=LOGGING, default="text", unit="format", choices=("text", "json"),
            help="format of the log: text for people, json (one object on each line) for programs"),
    Setting(name="access_log", group=LOGGING, default=False, unit="yes/no",
            help="each request of a device is logged at any level: who, what, answer"),

    Setting(name="clock", group=CLOCK, default="", unit="pace", check=checks.PACE,
            help="pace of the clock in demonstrations, 60x for sixty times as fast; empty: system clock"),
)

SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _DECLARATIONS}
