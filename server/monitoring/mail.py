"""Mails about alarms, by SMTP (RFC 5321) as the settings say."""
from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from server.config import settings
from server.models import AlarmNotice
from server.monitoring.undelivered import Undelivered
from server.units import Instant

if TYPE_CHECKING:
    from server.monitoring.notices import AlarmChange

TIMEOUT_S = 15
MAX_SUBJECT = 150  # characters


def text(changes: Sequence[AlarmChange]) -> tuple[str, str]:
    """Return subject and text of a mail about changes of alarms. Pure but for the settings."""
    first = changes[0]
    verb = "over" if first.change == AlarmNotice.CLEARED else first.alarm["severity"]
    others = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
    subject = f"{verb}: {first.alarm['kind']}, {first.alarm['source']}{others}"
    return subject, "\n\n".join(map(_paragraph, changes))


def _paragraph(change: AlarmChange) -> str:
    alarm = change.alarm
    head = f"{alarm['severity'].upper()}  {alarm['kind']}, {alarm['source']} (alarm {alarm['id']})"
    if change.change == AlarmNotice.CLEARED:
        return (f"OVER      {alarm['kind']}, {alarm['source']} (alarm {alarm['id']})\n"
                f"  from {_local(alarm['since'])} to {_local(alarm['cleared_at'] or change.at)}\n"
                f"  {alarm['detail']}")
    return (f"{head}\n  since {_local(alarm['since'])}\n  {alarm['detail']}\n"
            f"  What to do: {alarm['remedy']}")


def _local(at: Instant) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(settings.timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def send(subject: str, body: str) -> None:
    """Send a mail to those who are told of alarms. Undelivered where the server does not take it."""
    message = EmailMessage()
    message["Subject"] = " ".join(f"Counterpoise: {subject}".split())[:MAX_SUBJECT]
    message["From"] = settings.alarm_mail_from
    message["To"] = ", ".join(address.strip() for address in settings.alarm_mail_to.split(","))
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="counterpoise.invalid")
    message.set_content(body + "\n")
    try:
        with _connection() as server:
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise Undelivered(f"{settings.alarm_mail_server}:{settings.alarm_mail_port}: {error}") from error


def _connection() -> smtplib.SMTP:
    """Return a connection to the mail server, signed in where a login is set."""
    host, port = settings.alarm_mail_server, settings.alarm_mail_port
    server: smtplib.SMTP
    if settings.alarm_mail_security == "tls":
        server = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    try:
        if settings.alarm_mail_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.alarm_mail_user:
            password = Path(settings.alarm_mail_password_file).read_text().strip()
            server.login(settings.alarm_mail_user, password)
    except BaseException:
        server.close()
        raise
    return server
