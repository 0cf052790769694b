"""People are told of alarms: once, in few messages, and as soon as somebody takes them."""
from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import alarms, clock
from server.config import BadSettings, settings
from server.models import AlarmNotice, AlarmRecord, db
from server.monitoring import mail, notices, webhook
from tests.conftest import NOON, on_sqlite
from tests.server.monitoring.receivers import MailServer, Webhook, serving

MINUTE, HOUR = 60, 3600


@pytest.fixture
def mails(server: None) -> Iterator[MailServer]:
    """A mail server to which alarms are sent."""
    receiver = MailServer()
    settings.alarm_mail_to, settings.alarm_mail_from = "shift@example.org, b@example.org", "cp@example.org"
    settings.alarm_mail_server, settings.alarm_mail_port = "127.0.0.1", receiver.port
    settings.alarm_mail_security = "none"
    with serving(receiver):
        yield receiver


def test_an_alarm_is_told_once_when_it_is_raised_and_when_it_is_over(mails: MailServer) -> None:
    alarms.raise_alarm("limit", "virtual DER F12", "2.0 kW beyond its import limit")
    alarms.raise_alarm("quota", "device 7", "17 requests, 16 are allowed")
    assert notices.untold().waiting == 2
    assert notices.deliver_due() == 2 and notices.deliver_due() == 0
    assert mails.recipients == ["shift@example.org", "b@example.org"]
    (message,) = mails.mails
    assert message["Subject"] == "Counterpoise: critical: limit, virtual DER F12, and 1 more"
    assert message["From"] == "cp@example.org" and message["Date"]
    text = message.get_content()
    number = AlarmRecord.get(AlarmRecord.kind == "limit").id
    for part in (f"CRITICAL  limit, virtual DER F12 (alarm {number})", "since 2025-06-15 12:00:00 UTC",
                 "What to do: See why: `counterpoise report day AREA`", "WARNING  quota, device 7"):
        assert part in text, part
    clock.turn_to(NOON + 10 * MINUTE)
    alarms.raise_alarm("limit", "virtual DER F12", "3.0 kW beyond its import limit")
    assert notices.deliver_due() == 0, "it still stands"
    alarms.clear("limit", "virtual DER F12")
    assert notices.deliver_due() == 1
    assert mails.mails[1]["Subject"] == "Counterpoise: over: limit, virtual DER F12"
    assert "from 2025-06-15 12:00:00 UTC to 2025-06-15 12:10:00 UTC" in mails.mails[1].get_content()


@on_sqlite
def test_what_comes_soon_after_a_mail_waits_and_is_told_as_it_is_then(mails: MailServer) -> None:
    alarms.raise_alarm("signal", "area town", "it has stopped")
    notices.deliver_due()
    clock.turn_to(NOON + MINUTE)
    alarms.raise_alarm("signal", "area village", "it has stopped")
    alarms.raise_alarm("plan", "area village", "8.5 kW more")
    alarms.clear("plan", "area village")
    assert notices.deliver_due() == 0
    clock.turn_to(NOON + settings.alarm_interval_s)
    assert notices.deliver_due() == 2 and len(mails.mails) == 2
    text = mails.mails[1].get_content()
    assert "CRITICAL  signal, area village" in text and "OVER      plan, area village" in text
    assert "WARNING" not in text


@on_sqlite
def test_a_mail_that_is_not_taken_is_tried_again_and_has_an_alarm_of_its_own(mails: MailServer) -> None:
    mails.refuses = "450 later"
    alarms.raise_alarm("signal", "area town", "it has stopped")
    assert notices.deliver_due() == 0 and AlarmNotice.get().failing_since == NOON
    assert "450" in AlarmNotice.get().last_error and AlarmNotice.get().due_at == NOON + 2
    clock.turn_to(NOON + settings.alarm_undelivered_s)
    assert notices.deliver_due() == 0
    (alarm,) = alarms.rows(kind="notices")
    assert alarm["source"] == "mail" and "not told since 300 s" in alarm["detail"]
    assert AlarmNotice.select().count() == 1, "that the mail fails is told by no mail"
    mails.refuses = ""
    clock.turn_to(NOON + 2 * HOUR)
    assert notices.deliver_due() == 1 and mails.mails and not alarms.rows(kind="notices")
    mails.refuses = "550 no"
    alarms.raise_alarm("signal", "area village", "it has stopped")
    for hours in (3, 12, 28):
        clock.turn_to(NOON + hours * HOUR)
        notices.deliver_due()
    assert not AlarmNotice.select().exists(), "given up after a day"


@on_sqlite
def test_two_who_deliver_send_one_mail_and_the_outbox_commits_with_the_cause(
    mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.atomic() as transaction:
        alarms.raise_alarm("signal", "area town", "it has stopped")
        transaction.rollback()
    assert notices.deliver_due() == 0 and not AlarmNotice.select().exists()
    alarms.raise_alarm("signal", "area town", "it has stopped")
    sent: list[str] = []

    def send(subject: str, body: str) -> None:
        sent.append(subject)
        assert notices.deliver_due() == 0, "the other finds it claimed"
    monkeypatch.setattr(mail, "send", send)
    assert notices.deliver_due() == 1 and len(sent) == 1
    alarms.raise_alarm("signal", "area village", "it has stopped")
    clock.turn_to(NOON + HOUR)
    monkeypatch.setattr(mail, "send", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        notices.deliver_due()
    monkeypatch.setattr(mail, "send", lambda *message: sent.append(message[0]))
    assert notices.deliver_due() == 0
    clock.turn_to(NOON + HOUR + notices.LEASE_S)
    assert notices.deliver_due() == 1 and "village" in sent[1], "after the lease of one that was killed"


@on_sqlite
def test_only_what_is_severe_enough_and_only_while_somebody_is_told(mails: MailServer) -> None:
    settings.alarm_severity = "critical"
    alarms.raise_alarm("quota", "device 7", "17 requests")
    assert not AlarmNotice.select().exists()
    alarms.raise_alarm("signal", "area town", "it has stopped\nBcc: x@example.org")
    settings.alarm_mail_to = ""
    assert notices.deliver_due() == 0 and not AlarmNotice.select().exists()
    AlarmRecord.delete().execute()
    settings.alarm_mail_to = "shift@example.org"
    alarms.raise_alarm("signal", "area\r\nBcc: x@example.org", "it has stopped")
    assert notices.deliver_due() == 1 and mails.recipients == ["shift@example.org"]
    assert mails.mails[0]["Bcc"] is None


@on_sqlite
def test_a_webhook_is_posted_to_with_a_signature(server: None, tmp_path: Path) -> None:
    receiver, key = Webhook(), tmp_path / "key"
    key.write_text("a secret\n")
    settings.alarm_webhook, settings.alarm_webhook_key_file = receiver.url, str(key)
    with serving(receiver):
        alarms.raise_alarm("signal", "area town", "it has stopped")
        receiver.status = 307
        assert notices.deliver_due() == 0 and "307" in AlarmNotice.get().last_error
        receiver.status = 204
        clock.turn_to(NOON + MINUTE)
        assert notices.deliver_due() == 1 and len(receiver.posts) == 2
    headers, body = receiver.posts[1]
    (alarm,) = json.loads(body)["alarms"]
    assert (alarm["change"], alarm["kind"], alarm["source"]) == ("raised", "signal", "area town")
    at, value = (part.partition("=")[2] for part in headers[webhook.SIGNATURE].split(","))
    assert hmac.compare_digest(value, hmac.new(b"a secret", f"{at}.".encode() + body, "sha256").hexdigest())
    assert abs(time.time() - int(at)) < HOUR
    key.unlink()
    alarms.clear("signal", "area town")
    clock.turn_to(NOON + HOUR)
    assert notices.deliver_due() == 0 and "No such file" in AlarmNotice.get().last_error


@on_sqlite
def test_settings_that_are_not_enough_are_refused(server: None) -> None:
    settings.alarm_mail_to, settings.alarm_webhook = "shift@example.org", "https://example.org/hook"
    settings.alarm_mail_user, settings.alarm_mail_security = "cp", "none"
    with pytest.raises(BadSettings) as refused:
        settings.require()
    text = str(refused.value)
    for needed in ("alarm_mail_from", "alarm_mail_server", "alarm_mail_password_file",
                   "alarm_webhook_key_file", "without TLS"):
        assert needed in text
