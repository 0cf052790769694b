"""Mutations of documents, of bytes, of headers and of hrefs. All randomness comes from the `Random` given."""
from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random

from lxml import etree

from tests.schemas.editions import SEP
from tests.schemas.generate import XSI

NUMBERS = ("0", "-0", "+1", "1", "-1", "00", "007", " 5 ", "1e3", "1.0", "0x10", "NaN", "INF", "", "١٢",
           "5KW",
           "127", "-128", "128", "255", "256", "32767", "-32768", "32768", "65535", "65536", "10000", "10001",
           "2147483647", "-2147483648", "4294967295", "4294967296", "281474976710655", "-140737488355328",
           "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616",
           "1782907200", "1782907200000", "1782907199", "-1782907200", "253402300800", "9" * 40, "9" * 4400)
TEXTS = ("", " ", "\n", "a", "[bold]x[/bold]", "[/]", "]]>", "<b>", "&", "%0a%0d", "%s{0}", "Ä", "日本",
         "\u202etxt",
         "\u2028", "\x85", "𝛥" * 9, "x" * 33, "x" * 300, "x" * 9000, "'; DROP TABLE document; --", "..",
         "null",
         "None", "true", "\ufffd", "a\tb\nc")
HEX = ("", "0", "00", "F", "FF", "0g", "G0", "ff" * 8, "FF" * 16, "FF" * 20, "FF" * 40, "00" * 20, "-1",
       " 0A ",
       "0a", "000000000000000000000000000000000000000A")
URIS = ("", "/", "//", "/edev", "/edev/1", "/edev/2/der/1/ders", "/derp/1/derc/1", "/rsps/1/rsp", "/mup/1",
        "https://127.0.0.1:1/ntfy", "http://[::1]:99999/", "file:///etc/passwd", "/%00", "/edev/../edev/1",
        "/edev/9223372036854775808", "urn:x", "?" * 9, "javascript:1", "/ä", "/upt/1/mr/1")
NAMES = ("mRID", "value", "description", "Link", "unheardOf", "href", "DERControlBase", "multiplier",
         "duration",
         "Reading", "interval", "creationTime", "EventStatus", "lFDI", "DERCurve", "pollRate", "all")
TYPES = ("DERControl", "Response", "DERControlResponse", "DrResponse", "TextResponse", "Time",
         "UnsignedFixedPoint",
         "FixedVar", "String32", "csipaus:DERControlBase", "nothing", "", "xs:string", "Notification",
         "FlowReservationResponseResponse", "PriceResponse", "EndDevice", "AbstractDevice")
NAMESPACES = (SEP, "", "urn:ieee:std:2030.5:ns:draft", "https://csipaus.org/ns", "urn:x", XSI,
              "http://www.w3.org/XML/1998/namespace")
Tree = etree._Element
TreeMutation = Callable[[Random, Tree, Sequence[str]], None]


def _any(random: Random, root: Tree) -> Tree:
    return random.choice(list(root.iter(etree.Element)))


def _below(random: Random, root: Tree) -> Tree | None:
    inside = [element for element in root.iter(etree.Element) if element is not root]
    return random.choice(inside) if inside else None


def _leaf(random: Random, root: Tree) -> Tree:
    leaves = [element for element in root.iter(etree.Element) if element.find("*") is None]
    return random.choice(leaves)


def value(random: Random, root: Tree, words: Sequence[str]) -> None:
    """Another value: of the same kind as a rule, now and then of any."""
    leaf = _leaf(random, root)
    text = (leaf.text or "").strip()
    if random.random() < 0.2:
        pool: Sequence[str] = (*NUMBERS, *TEXTS, *HEX, *URIS, *words)
    elif text.startswith("/"):
        pool = (*URIS, *words)
    elif text.lstrip("-").isdigit() and random.random() < 0.8:
        pool = NUMBERS
    elif text and not set(text.upper()) - set("0123456789ABCDEF"):
        pool = (*HEX, *words)
    else:
        pool = (*TEXTS, *words)
    leaf.text = _allowed(random.choice(pool))


def nearby(random: Random, root: Tree, words: Sequence[str]) -> None:
    """A number that is changed a little, or by powers of ten."""
    leaf = _leaf(random, root)
    text = (leaf.text or "").strip()
    if text.lstrip("-").isdigit() and len(text) < 20:
        number = int(text)
        leaf.text = str(random.choice((number + 1, number - 1, -number, number * 1000, number * 10 ** 6,
                                       number // 1000, number ^ 1 << random.randrange(48))))


def attribute(random: Random, root: Tree, words: Sequence[str]) -> None:
    """Another value of an attribute, or one more attribute."""
    element = _any(random, root)
    if element.attrib and random.random() < 0.6:
        element.set(random.choice(list(element.attrib)), _allowed(random.choice((*NUMBERS, *TEXTS, *URIS,
            *words))))
        return
    name = random.choice(("href", "all", "results", "pollRate", "replyTo", "responseRequired", "subscribable",
                          "disabled", "unheard", f"{{{random.choice(NAMESPACES[3:])}}}lang", f"{{{XSI}}}nil",
                          f"{{{XSI}}}type", f"{{{XSI}}}schemaLocation"))
    element.set(name, _allowed(random.choice((*TYPES, *NUMBERS[:8], *URIS, *words))))


def drop(random: Random, root: Tree, words: Sequence[str]) -> None:
    """One element less."""
    element = _below(random, root)
    if element is not None:
        element.getparent().remove(element)


def double(random: Random, root: Tree, words: Sequence[str]) -> None:
    """An element more than once, now and then very often."""
    element = _below(random, root)
    if element is not None:
        for _ in range(random.choice((1, 1, 1, 2, 20, 400))):
            element.addnext(deepcopy(element))


def move(random: Random, root: Tree, words: Sequence[str]) -> None:
    """An element in another place."""
    element = _below(random, root)
    if element is not None:
        parent = element.getparent()
        target = _any(random, root) if random.random() < 0.3 else parent
        if target not in element.iter():
            target.insert(random.randint(0, len(target)), element)


def rename(random: Random, root: Tree, words: Sequence[str]) -> None:
    """An element of another name or namespace."""
    element = _any(random, root)
    name = etree.QName(element)
    if random.random() < 0.6:
        element.tag = f"{{{name.namespace or SEP}}}{random.choice(NAMES)}"
    else:
        namespace = random.choice(NAMESPACES)
        element.tag = f"{{{namespace}}}{name.localname}" if namespace else name.localname


def retype(random: Random, root: Tree, words: Sequence[str]) -> None:
    """Another type by xsi:type."""
    _any(random, root).set(f"{{{XSI}}}type", random.choice(TYPES))


def insert(random: Random, root: Tree, words: Sequence[str]) -> None:
    """Something that does not belong there: elements of ours or others', comments, instructions, text."""
    element = _any(random, root)
    kind = random.randrange(6)
    if kind == 0:
        element.insert(random.randint(0, len(element)), etree.Comment(" x "))
    elif kind == 1:
        element.insert(random.randint(0, len(element)), etree.ProcessingInstruction("php", "echo 1"))
    elif kind == 2:
        element.text = _allowed(random.choice(TEXTS))
    elif kind == 3:
        deep = element
        for _ in range(random.choice((1, 5, 60, 300))):
            deep = etree.SubElement(deep, f"{{{random.choice(('urn:x', SEP))}}}{random.choice(NAMES)}")
        deep.text = "x"
    elif kind == 4:
        for number in range(random.choice((1, 3, 70))):
            element.set(f"{{urn:x{number % 3}}}a{number}", random.choice(("", "1", "x\ny")))
    else:
        foreign = etree.SubElement(element, "{urn:x}note", nsmap={None: "urn:x"})
        foreign.text = random.choice(("", "Ä", "<"))


def _allowed(text: str) -> str:
    """The text without what lxml does not write."""
    return "".join(char for char in text if char in "\t\n\r" or " " <= char and char not in "\ufffe\uffff")


TREE: tuple[tuple[TreeMutation, int], ...] = (
    (value, 40), (nearby, 14), (attribute, 10), (drop, 12), (double, 8), (move, 5), (rename, 5), (retype, 5),
    (insert, 8))


def mutate_tree(random: Random, root: Tree, words: Sequence[str]) -> None:
    """Mutate a document once; `words` are mRIDs, LFDIs and hrefs that the server knows."""
    mutations, weights = zip(*TREE, strict=True)
    chosen: TreeMutation = random.choices(mutations, weights)[0]
    try:
        chosen(random, root, words)
    except ValueError:  # a name or value that lxml does not take
        return


ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp500",
             "shift_jis")
DECLARATIONS = ('<?xml version="1.0"?>', '<?xml version="1.1"?>', '<?xml version="1.0" encoding="latin-1"?>',
                '<?xml version="1.0" encoding="utf-16"?>', '<?xml version="1.0" encoding="nothing"?>',
                '<?xml version="1.0" standalone="yes"?>', '<?xml version="9"?>',
                '<!DOCTYPE a [<!ENTITY e "x">]>', '<!DOCTYPE a SYSTEM "file:///etc/passwd">', "\n", " ",
                "\ufeff")


def mutate_bytes(random: Random, body: bytes) -> bytes:
    """Another encoding or declaration, bytes that are changed, missing, doubled or put in."""
    kind = random.randrange(9)
    at = random.randrange(len(body) + 1)
    if kind == 0:
        return body.decode("utf-8", "replace").encode(random.choice(ENCODINGS), "replace")
    if kind == 1:
        return random.choice(DECLARATIONS).encode() + body
    if kind == 2:
        return body[:at]
    if kind == 3:
        return body[:at] + random.randbytes(random.choice((1, 1, 4))) + body[at + 1:]
    if kind == 4:
        end = min(len(body), at + random.choice((1, 8, 100)))
        return body[:end] + body[at:end] * random.choice((1, 3)) + body[end:]
    if kind == 5:
        return body[:at] + body[at + random.choice((1, 8, 60)):]
    if kind == 6:
        part = random.choice((b"\0", b"&#0;", b"&#x1F;", b"&#xD800;", b"&#xFFFE;", b"&e;", b"&lt;", b"\xff",
                              b"\xed\xa0\x80",
                              b"<![CDATA[x]]>", b"<!--", b"<a>", b"</a>", b"\r", b"&#13;", b"\xc2\x85"))
        return body[:at] + part + body[at:]
    if kind == 7:
        return body + random.choice((b"\0", b"\n\n", b"<a/>", b"x", b" " * 70_000, body))
    return gzip.compress(body, mtime=0)


HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Content-Type", ("application/xml", "text/xml; charset=utf-16", "text/plain",
                      "application/sep+xml; level=-S2",
                      "application/sep+xml;level=+S1", "", "application/exi", "*/*", "x" * 200, "\xe4")),
    ("Accept", ("*/*", "application/sep+xml; level=-S2", "text/html", "application/exi", "", ",,;q=",
                "a" * 4000,
                "application/sep+xml;level=+S2;q=0.1, */*")),
    ("Content-Encoding", ("gzip", "identity", "GZIP, gzip", "", "\xff")),
    ("Content-Length", ("0", "1", "-1", "99999999999", "1" * 4400, "0x10", " 5", "5,5")),
    ("Transfer-Encoding", ("chunked", "gzip, chunked", "identity", "xchunked")),
    ("Expect", ("100-continue", "200-nothing")),
    ("If-None-Match", ("*", '"x"', "")),
    ("If-Match", ("*", '"x"')),
    ("Range", ("bytes=0-1", "items=a")),
    ("Host", ("", "a, b", "[::1", "x" * 300)),
    ("X-SSL-Client-Cert", ("-----BEGIN", "x")),
    ("X_Under", ("1",)), ("Cookie", ("a=b;" * 90,)), ("Connection", ("close", "upgrade")),
    ("X-Forwarded-For", ("127.0.0.1",)), ("Date", ("yesterday",)),
)


def mutate_headers(random: Random, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """One header more, another, or one less."""
    if headers and random.random() < 0.15:
        gone = random.choice(headers)
        return [header for header in headers if header is not gone]
    name, values = random.choice(HEADERS)
    kept = headers if random.random() < 0.2 else [header for header in headers if header[0] != name]
    return [*kept, (name, random.choice(values))]


def mutate_target(random: Random, target: str) -> str:
    """Another href: other numbers, steps, escapes, list parameters."""
    parts = target.split("/")
    kind = random.randrange(7)
    if kind == 0:
        at = random.randrange(1, len(parts))
        parts[at] = random.choice(("0", "1", "2", "3", "9", "-1", "01", "999999999999999999",
                                   "9223372036854775808",
                                   "9" * 400, "%31", "%d9%a1", "x", "", "..", ".", "1.0", "1e1"))
        return "/".join(parts)
    if kind == 1:
        return target + random.choice(("/", "//", "/1", ";a=b", "#x", "%00", "%0a", "%2f1", "%", "%zz",
                                       "\xe4"))
    if kind == 2:
        names = [random.choice(("s", "a", "l", "x", "S")) for _ in range(random.choice((1, 2, 3)))]
        values = ("0", "1", "255", "256", "-1", "4294967296", "9223372036854775808", "9" * 4400, "", "x",
                  "%31",
                  "%d9%a1", "1782907200", "1.5", "+1", "0x1")
        return f"{target}?" + "&".join(f"{name}={random.choice(values)}" for name in names)
    if kind == 3:
        return "/" + "/".join(parts[1:random.randrange(2, len(parts) + 1)])
    if kind == 4:
        return random.choice(("http://[::1", "https://127.0.0.1", "https://other.example", "*",
                              "//x")) + target
    if kind == 5:
        return target.upper()
    return target.replace("/", random.choice(("//", "/./", "%2F", "\\")), random.choice((1, 2)))
