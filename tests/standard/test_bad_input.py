"""Invalid input is refused with a helpful message and changes nothing."""
from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from typing import Any

import peewee
import pytest

from server.config import settings
from server.models import db
from server.protocol import app as door_app
from server.resources import schema
from tests.peers import Peer

SEP = "urn:ieee:std:2030.5:ns"
STATUS = "/edev/1/der/1/ders"


def status(inside: str, attributes: str = f'xmlns="{SEP}"') -> bytes:
    return f"<DERStatus {attributes}>{inside}</DERStatus>".encode()


GOOD = status("<readingTime>1</readingTime>")
BOMB = ("<!DOCTYPE d [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)) + "]>").encode()
DEEP = 1000
NOT_A_DOCUMENT = {
    "nothing": b"",
    "space": b"  \n",
    "words": b"hello",
    "JSON": b'{"readingTime": 1}',
    "a half": GOOD[:40],
    "form": b"readingTime=1",
    "zeros": bytes(64),
    "noise": bytes(range(256)),
    "no UTF-8": b"<a>\xff\xfe\xff</a>",
    "two roots": GOOD + GOOD,
    "words after": GOOD + b"more",
    "unknown encoding": b'<?xml version="1.0" encoding="X-1"?><a/>',
    "unbound prefix": b"<x:DERStatus/>",
    "EXI": b"$EXI\xa0\x30\x3f",
    "XML 1.1 of controls": b"<a>&#1;</a>",
    "attribute twice": status("", f'xmlns="{SEP}" a="1" a="2"'),
    "DTD": b"<!DOCTYPE DERStatus>" + GOOD,
    "external DTD": b'<!DOCTYPE DERStatus SYSTEM "http://127.0.0.1:9/x.dtd">' + GOOD,
    "entity": b'<!DOCTYPE d [<!ENTITY x "1">]>' + status("<readingTime>&x;</readingTime>"),
    "external entity": b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    + status("<readingTime>&x;</readingTime>"),
    "parameter entity": b'<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>' + GOOD,
    "entity bomb": BOMB + status("<readingTime>&j;</readingTime>"),
    "undefined entity": status("<readingTime>&x;</readingTime>"),
    "deep nesting": b"<a>" * DEEP + b"</a>" * DEEP,
    "deep nesting, ours": f'<DERStatus xmlns="{SEP}">'.encode() * DEEP + b"</DERStatus>" * DEEP,
    "a very long name": b"<" + b"a" * 60_000 + b"/>",
}


def test_what_is_no_document_is_refused(device: Peer) -> None:
    before = device.get(STATUS).body
    for why, body in NOT_A_DOCUMENT.items():
        reply = device.request("PUT", STATUS, body)
        assert (reply.status, reply.name, reply.data) == (400, "Error", {"reasonCode": 0}), why
        assert b"passwd" not in reply.body and b"root:" not in reply.body, why
        assert len(reply.body) < 2000, why
    assert device.get(STATUS).body == before
    assert device.request("PUT", STATUS, GOOD).status == 204


# What is wrong with a DERStatus, and what the answer has to name.
NOT_VALID = {
    "another namespace": (
        status("<readingTime>1</readingTime>", 'xmlns="http://ieee.org/2030.6"'),
        "line 1",
        "DERStatus",
    ),
    "no namespace": (b"<DERStatus><readingTime>1</readingTime></DERStatus>", "line 1", "DERStatus"),
    "inside without": (status('<readingTime xmlns="">1</readingTime>'), "line 1", "readingTime"),
    "unknown element": (status("<readingTime>1</readingTime>\n<surprise/>"), "line 2", "surprise"),
    "missing element": (status(""), "line 1", "DERStatus"),
    "missing inside": (
        status("\n<inverterStatus><value>1</value></inverterStatus>\n<readingTime>1</readingTime>"),
        "line 2",
        "dateTime",
    ),
    "wrong order": (
        status(
            "<readingTime>1</readingTime>\n<genConnectStatus>\n<dateTime>1</dateTime><value>01</value>"
            "</genConnectStatus>"
        ),
        "line 2",
        "genConnectStatus",
    ),
    "twice": (status("<readingTime>1</readingTime>\n<readingTime>1</readingTime>"), "line 2", "readingTime"),
    "no number": (status("\n\n<readingTime>soon</readingTime>"), "line 3", "soon"),
    "beyond Int64": (
        status("<readingTime>9223372036854775808</readingTime>"),
        "line 1",
        "9223372036854775808",
    ),
    "milliseconds": (
        status("<readingTime>\n1795724392000</readingTime>"),
        "DERStatus/readingTime: 1795724392000",
        "not milliseconds",
    ),
    "milliseconds inside": (
        status(
            "\n<inverterStatus><dateTime>1795724392000</dateTime><value>1</value></inverterStatus>"
            "<readingTime>1</readingTime>"
        ),
        "line 2",
        "DERStatus/inverterStatus/dateTime",
    ),
    "beyond any calendar": (
        status("<readingTime>9223372036854775807</readingTime>"),
        "line 1",
        "DERStatus/readingTime: 9223372036854775807",
    ),
    "before any calendar": (
        status("<readingTime>-9223372036854775808</readingTime>"),
        "line 1",
        "DERStatus/readingTime: -9223372036854775808",
    ),
    "beyond UInt8": (
        status(
            "<inverterStatus><dateTime>1</dateTime><value>256</value></inverterStatus>"
            "<readingTime>1</readingTime>"
        ),
        "line 1",
        "256",
    ),
    "not hexadecimal": (
        status("<alarmStatus>xyz</alarmStatus><readingTime>1</readingTime>"),
        "line 1",
        "xyz",
    ),
    "too many bits": (
        status("<alarmStatus>0000000001</alarmStatus><readingTime>1</readingTime>"),
        "line 1",
        "alarmStatus",
    ),
    "words between": (status("<readingTime>1</readingTime>words"), "line 1", "DERStatus"),
    "unknown root": (f'<Surprise xmlns="{SEP}"/>'.encode(), "line 1", "Surprise"),
    "CSIP-AUS of another kind": (
        b'<ConnectionPoint xmlns="https://csipaus.org/ns"><surprise/></ConnectionPoint>',
        "line 1",
        "surprise",
    ),
}


def test_what_is_not_valid_is_refused_by_line_and_element(device: Peer) -> None:
    for why, (body, line, element) in NOT_VALID.items():
        reply = device.request("PUT", STATUS, body)
        assert (reply.status, reply.data) == (400, {"reasonCode": 0}), why
        assert line.encode() in reply.body and element.encode() in reply.body, (why, reply.body)


def test_any_element_of_the_schema_is_answered(device: Peer) -> None:
    """Roots that nobody sends: values, types for others, CSIP-AUS's modes. Not one of them makes the server
    fail."""
    for tag in schema.elements():
        namespace, _, name = tag[1:].partition("}")
        if namespace.startswith(("urn:ieee", "https://csipaus")):
            for text in ("", "1", "true", "00"):
                body = f'<{name} xmlns="{namespace}">{text}</{name}>'.encode()
                for method, href in (
                    ("PUT", STATUS),
                    ("PUT", "/edev/1/cp"),
                    ("POST", "/mup"),
                    ("POST", "/edev/1/lel"),
                ):
                    assert device.request(method, href, body).status in (201, 204, 400), (tag, text, href)


HEX = {
    "0": "00000000",
    "5": "00000005",
    "005": "00000005",
    "abc": "00000ABC",
    " 1F ": "0000001F",
    "00000001": "00000001",
}


def test_hexadecimal_without_leading_zeros_means_the_same(device: Peer) -> None:
    """As drafts of the standard had it."""
    for text, meant in HEX.items():
        body = status(f"<alarmStatus>{text}</alarmStatus><readingTime>1</readingTime>")
        assert device.request("PUT", STATUS, body).status == 204, text
        assert device.get(STATUS).data["alarmStatus"] == meant, text


SPELLINGS = {
    "prefix": b'<s:DERStatus xmlns:s="urn:ieee:std:2030.5:ns"><s:readingTime>1</s:readingTime></s:DERStatus>',
    "declaration": b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + GOOD,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "comments": b"<!-- a -->" + GOOD.replace(b"1<", b"<!-- b -->1<") + b"<!-- c -->",
    "instructions": b'<?xml-stylesheet href="x"?>' + GOOD,
    "space": b"\n\n" + GOOD.replace(b">1<", b"> 1\n<") + b"\n",
    "character data": GOOD.replace(b">1<", b"><![CDATA[1]]><"),
    "plus": GOOD.replace(b">1<", b">+01<"),
    "schemaLocation": status(
        "<readingTime>1</readingTime>",
        f'xmlns="{SEP}" xsi:schemaLocation="{SEP} sep.xsd" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
    ),
    "schemaVer": status("<readingTime>1</readingTime>", f'xmlns="{SEP}" schemaVer="2.1"'),
}


def test_one_document_in_many_spellings(device: Peer) -> None:
    for why, body in SPELLINGS.items():
        device.request("PUT", STATUS, status("<readingTime>2</readingTime>"))
        reply = device.request("PUT", STATUS, body)
        assert reply.status == 204, (why, reply.body)
        assert device.get(STATUS).data["readingTime"] == 1, why


def test_what_is_foreign_is_kept_and_harms_nobody(device: Peer) -> None:
    body = status(
        '<x:note xmlns:x="urn:x" x:a="&lt;">&lt;/DERStatus&gt; &amp; '
        'more</x:note><readingTime>1</readingTime>'
    )
    assert device.request("PUT", STATUS, body).status == 204
    reply = device.get(STATUS, Accept="application/sep+xml; level=-S2")
    assert b"&lt;/DERStatus&gt; &amp; more" in reply.body
    assert reply.data["readingTime"] == 1


def test_words_of_devices_are_never_markup(device: Peer) -> None:
    nasty = "</details> & <a b='x'> ]]>\u00e9\u4e2d"  # 32 octets
    document = {
        "createdDateTime": 1,
        "functionSet": 11,
        "logEventCode": 0,
        "logEventID": 1,
        "logEventPEN": 1,
        "profileID": 2,
    }
    href = device.post("/edev/1/lel", "LogEvent", {**document, "details": nasty}).location
    assert device.get(href).data["details"] == nasty
    assert device.get("/edev/1/lel").data["LogEvent"][0]["details"] == nasty


def test_an_error_says_in_words_what_it_was_and_stays_xml(device: Peer) -> None:
    """Whatever is quoted in it: the comment that holds the words cannot be closed from inside."""
    for query in (
        "l=--%3E%3Cevil/%3E",
        "l=---",
        "l=-",
        "l=%01%02",
        "l=%ff",
        "l=%f0%9f%92%a1",
        "l=]]%3E",
        "l=%26lt;",
    ):
        reply = device.get(f"/edev/1/lel?{query}")
        assert (reply.status, reply.name, set(reply.data)) == (400, "Error", {"reasonCode"}), query
        assert b"<evil" not in reply.body.replace(b"- -><evil", b""), query
    assert device.get("/edev", Accept="text/--><x/>").name == "Error"


# --- too much, too little -------------------------------------------------------------------------

def test_more_than_may_be_is_not_read(device: Peer) -> None:
    settings.max_body_bytes = 2000
    padded = GOOD.replace(b"</DERStatus>", b" " * 2000 + b"</DERStatus>")
    reply = device.request("PUT", STATUS, padded)
    assert (reply.status, reply.data) == (413, {"reasonCode": 2})
    assert device.request("PUT", STATUS, GOOD).status == 204
    settings.max_body_bytes = 1 << 20
    assert device.request("PUT", STATUS, b"<a>" + b" " * 10_000_000 + b"</a>").status == 413


def test_a_body_in_another_coding_is_refused(device: Peer) -> None:
    """RFC 9110, 15.5.16: the answer says which codings are accepted."""
    reply = device.request("PUT", STATUS, GOOD, **{"Content-Encoding": "gzip"})
    assert (reply.status, reply.headers["Accept-Encoding"]) == (415, "identity")
    assert device.request("PUT", STATUS, GOOD, **{"Content-Encoding": "identity"}).status == 204


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "1" + "0" * 30, "%B2", "+1", "01"])
def test_a_number_that_no_resource_has_is_not_found(device: Peer, number: str) -> None:
    for href in ("/edev/{}", "/edev/{}/der/1/ders", "/edev/1/der/{}/ders", "/derp/{}/derc?l=1", "/mup/{}"):
        assert device.get(href.format(number)).status == 404, href
        assert device.request("PUT", href.format(number), GOOD).status in (403, 404, 405), href
        assert device.request("DELETE", href.format(number)).status in (403, 404, 405), href


def test_a_number_may_have_leading_zeros(device: Peer) -> None:
    body = status(f"<readingTime>{'0' * 5000}7</readingTime>")
    assert device.request("PUT", STATUS, body).status == 204
    assert device.get(STATUS).data["readingTime"] == 7


@pytest.mark.parametrize("before, after, words", [
    (b"", b"\0", "ends with a NUL byte"), (b"\n<?xml version='1.0'?>", b"", "before the XML declaration")])
def test_spoilt_bodies_are_refused_in_words(device: Peer, before: bytes, after: bytes, words: str) -> None:
    reply = device.request("PUT", STATUS, before + GOOD + after)
    assert reply.status == 400 and words in reply.body.decode()


def test_what_was_sent_is_not_echoed_at_length(device: Peer) -> None:
    reply = device.request("PUT", STATUS, status(f"<readingTime>{'x' * 8000}</readingTime>"))
    assert reply.status == 400 and b"readingTime" in reply.body and len(reply.body) < 700
    assert len(device.get("/edev?l=" + "x" * 3000).body) < 700


def test_a_body_that_is_cut_off_is_refused(device: Peer) -> None:
    before = device.get(STATUS).body
    answer = device.client.open(
        STATUS,
        method="PUT",
        data=GOOD[:-5],
        headers={"Content-Type": "application/sep+xml"},
        environ_overrides={**device.environ, "CONTENT_LENGTH": str(len(GOOD))},
    )
    assert answer.status_code == 400
    assert device.get(STATUS).body == before


def test_a_list_of_many_readings_is_taken(device: Peer) -> None:
    device.post("/mup", "MirrorUsagePoint", {"mRID": "0A", "deviceLFDI": device.lfdi, "roleFlags": "0001",
                                             "serviceCategoryKind": 0, "status": 1})
    values = [{"value": number, "timePeriod": {"duration": 1, "start": number}} for number in range(600)]
    document = {"mRID": "0B", "ReadingType": {"uom": 38}, "MirrorReadingSet": [
        {"mRID": "0C", "timePeriod": {"duration": 600, "start": 0}, "Reading": values}]}
    assert device.post("/mup/1", "MirrorMeterReading", document).status == 201
    assert device.get("/upt/1/mr/1/rs/1/r?l=255").data["all"] == 600


# --- our own failures -----------------------------------------------------------------------------

@pytest.fixture
def away(device: Peer, database: str) -> Any:
    """Takes the database away, and gives it back."""
    def take() -> None:
        db.close()
        url = (
            "sqlite:////nonexistent/test.db"
            if database.startswith("sqlite")
            else "postgresql://127.0.0.1:9/nowhere"
        )
        gone: peewee.Database = (
            peewee.SqliteDatabase(url.partition(":///")[2])
            if database.startswith("sqlite")
            else type(saved)("nowhere", host="127.0.0.1", port=9, user="nobody", connect_timeout=2)
        )
        db.initialize(gone)

    def give_back() -> None:
        db.initialize(saved)
    saved = db.obj
    yield take, give_back
    db.initialize(saved)


def test_a_database_that_is_away_is_503_until_it_is_back(device: Peer, away: Any) -> None:
    take, give_back = away
    take()
    for method, href in (
        ("GET", "/dcap"),
        ("GET", STATUS),
        ("GET", "/derp"),
        ("PUT", STATUS),
        ("POST", "/edev"),
        ("DELETE", "/edev/1"),
    ):
        reply = device.request(method, href, GOOD if method == "PUT" else None)
        assert (reply.status, reply.name) == (503, "Error"), (method, href)
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.data["maxRetryDuration"] == int(reply.headers["Retry-After"])
    give_back()
    assert device.request("PUT", STATUS, GOOD).status == 204
    assert device.get(STATUS).data["readingTime"] == 1


def test_a_connection_that_fails_once_does_not_fail_twice(device: Peer, database: str) -> None:
    """PostgreSQL has ended it, which nobody is to notice; SQLite finds the file locked for longer than it
    waits."""
    if database.startswith("sqlite"):
        db.execute_sql("PRAGMA busy_timeout = 0")
        with closing(sqlite3.connect(database.partition(":///")[2], isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert device.request("PUT", STATUS, GOOD).status == 503
    else:
        import psycopg
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE datname = current_database() AND pid <> pg_backend_pid()")
    assert [device.request("PUT", STATUS, GOOD).status for _ in range(2)] == [204, 204]


def test_a_failure_of_ours_is_an_error_like_any_other(device: Peer, caplog: pytest.LogCaptureFixture) -> None:
    db.execute_sql("UPDATE document SET submitted = '[' WHERE href = '/edev/1/der/1'")
    with caplog.at_level(logging.CRITICAL, logger=door_app.log.name):
        reply = device.put("/edev/1/der/1", "DER", {})
    assert (reply.status, reply.name, reply.data) == (500, "Error", {"reasonCode": 2})
    assert b"Traceback" not in reply.body
    assert device.get("/dcap").status == 200


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_lock_that_somebody_holds_on_postgres_is_503_and_reads_go_on(device: Peer) -> None:
    import psycopg
    db.execute_sql("SET lock_timeout = '50ms'")  # as `write_wait_s` does for the device interface
    with psycopg.connect(settings.database) as other:
        other.execute("SELECT pg_advisory_xact_lock(2030)")
        reply = device.request("PUT", STATUS, GOOD)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert device.get("/edev").status == 200
    db.execute_sql("RESET lock_timeout")
    assert device.request("PUT", STATUS, GOOD).status == 204
