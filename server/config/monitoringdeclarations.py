"""The settings of alarms (by which thresholds they are raised, who is told of them how), logs and traces."""
from __future__ import annotations

from server.config import checks
from server.config.setting import Setting

ALARMS, LOGGING = "Alarms", "Logging"
DAY, WEEK = 86400, 604_800  # s
CENTURY = 36_500  # days

DECLARATIONS = (
    Setting(name="alarm_plan_w", group=ALARMS, default=10_000.0, unit="W", least=0, most=10_000_000_000,
            help="by how much an area's imbalance may be another than planned, as the mean of an hour"),
    Setting(name="alarm_plan_share", group=ALARMS, default=0.5, unit="share", least=0, most=100,
            help="the same, as a share of the imbalance that there would be without control; the greater of "
                 "both counts"),
    Setting(name="alarm_limit_share", group=ALARMS, default=0.02, unit="share", least=0.01, most=10,
            help="by which share of it a limit may be exceeded, as it was measured", why="meters err by 1 %"),
    Setting(name="alarm_silence_s", group=ALARMS, default=1800, unit="s", least=60, most=WEEK,
            help="time without contact after which a device is silent",
            why="several polls: who misses one was restarted"),
    Setting(name="alarm_silent_share", group=ALARMS, default=0.1, unit="share", least=0, most=1,
            help="share of the devices that may be silent, of all and of each area; 1: no alarm",
            why="in homes, some are always switched off"),
    Setting(name="alarm_response_share", group=ALARMS, default=0.8, unit="share", least=0, most=1,
            help="share of the members of an order that have to respond to it; 0: no alarm"),
    Setting(name="alarm_clock_s", group=ALARMS, default=60, unit="s", least=1, most=DAY,
            help="by how much the clock of a device may be off, by its Responses",
            why="later events would begin late by as much"),
    Setting(name="alarm_certificate_days", group=ALARMS, default=30, unit="days", least=0, most=3650,
            help="how long before its end an alarm tells of a certificate"),
    Setting(name="alarm_disk_bytes", group=ALARMS, default=1 << 30, unit="bytes", least=0, most=1 << 50,
            help="room on the disk of a SQLite database below which there is an alarm"),
    Setting(name="alarm_worker_s", group=ALARMS, default=180, unit="s", least=60, most=DAY,
            help="how long no worker may have run while devices are served"),
    Setting(name="alarm_database_s", group=ALARMS, default=60, unit="s", least=1, most=DAY,
            help="how long the database may not answer the worker"),
    Setting(name="alarm_undelivered_s", group=ALARMS, default=300, unit="s", least=1, most=WEEK,
            help="how long a receiver may not take the notifications of a device"),
    Setting(name="alarm_severity", group=ALARMS, default="warning", unit="severity",
            choices=("info", "warning", "critical"), help="least severe alarm of which people are told"),
    Setting(name="alarm_interval_s", group=ALARMS, default=300, unit="s", least=0, most=DAY,
            help="least time between two mails, or two posts to the webhook; what happens meanwhile comes in "
                 "one", why="a fault of a network raises many alarms within minutes"),
    Setting(name="alarm_retry_hours", group=ALARMS, default=24, unit="h", least=1, most=8760,
            help="how long a mail or a post is tried that is not taken"),
    Setting(name="webhook_retry_hours", group=ALARMS, default=24, unit="h", least=1, most=48,
            help="how long a webhook (`counterpoise webhook list`) is tried that takes nothing",
            why="changes are kept for two days"),
    Setting(name="webhook_networks", group=ALARMS, default="", unit="addresses", check=checks.NETWORKS,
            help="networks of this machine, its link or its cloud that webhooks may be in all the same, and "
                 "where they need no https",
            why="who may add a webhook shall not reach services of this machine by it"),
    Setting(name="alarm_mail_to", group=ALARMS, default="", unit="addresses", check=checks.MAIL,
            help="addresses, separated by commas, to which alarms are sent by mail; empty: none"),
    Setting(name="alarm_mail_from", group=ALARMS, default="", unit="address", check=checks.MAIL,
            help="address from which these mails come"),
    Setting(name="alarm_mail_server", group=ALARMS, default="", unit="host",
            help="server that takes these mails (SMTP)"),
    Setting(name="alarm_mail_port", group=ALARMS, default=587, unit="TCP port", least=1, most=65_535,
            help="port of that server"),
    Setting(name="alarm_mail_security", group=ALARMS, default="starttls", unit="way",
            choices=("starttls", "tls", "none"),
            help="whether TLS protects these mails: after a greeting (starttls), from the start (tls), or "
                 "not (none)"),
    Setting(name="alarm_mail_user", group=ALARMS, default="", unit="name",
            help="login at that server; empty: none"),
    Setting(name="alarm_mail_password_file", group=ALARMS, default="", unit="path",
            help="file with the password of that login, which is read with each mail"),
    Setting(name="alarm_webhook", group=ALARMS, default="", unit="URL", check=checks.URL,
            help="address to which alarms are posted as JSON; empty: none"),
    Setting(name="alarm_webhook_key_file", group=ALARMS, default="", unit="path",
            help="file with the key by which these posts are signed (HMAC-SHA-256)"),

    Setting(name="log_level", group=LOGGING, default="warning", unit="level",
            choices=("debug", "info", "warning", "error", "critical"),
            help="least severe level that is logged"),
    Setting(name="log_format", group=LOGGING, default="text", unit="format", choices=("text", "json"),
            help="format of the log: text for people, json (one object on each line) for programs"),
    Setting(name="access_log", group=LOGGING, default=False, unit="yes/no",
            help="each request of a device is logged at any level: who, what, answer"),
    Setting(name="metrics_token", group=LOGGING, default="", unit="SHA-256", check=checks.DIGEST,
            help="hash (SHA-256, hexadecimal) of the token that /metrics asks for; empty: no token, and only "
                 "this machine may read it"),
    Setting(name="trace_exchanges", group=LOGGING, default=10_000, unit="exchanges", least=0, most=5_000_000,
            help="last exchanges with devices that each worker process has in memory, for `trace DEVICE`; 0: "
                 "none, and nothing is kept of any",
            why="300 bytes each, so 3 MB"),
    Setting(name="trace_days", group=LOGGING, default=7, unit="days", least=1, most=CENTURY,
            help="retention of exchanges that were refused, or kept for a device that is traced"),
)
