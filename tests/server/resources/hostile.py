"""Bodies that once took minutes or gigabytes, each of nearly a megabyte; decoded in a process of little
memory.

`python -m tests.server.resources.hostile` prints for each the answer, CPU time and the memory used at most.
"""
from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from server.errors import Refused
from server.resources import codec

SEP = "urn:ieee:std:2030.5:ns"
SIZE = 1_000_000
MEMORY = 700 << 20  # bytes of address space, libraries included
CPU_S = 60
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def filled(before: str, part: str, after: str, name: str = "DERStatus") -> bytes:
    """A document of SIZE bytes: `part` again and again, with its number for %d."""
    count = (SIZE - len(before) - len(after)) // (len(part) + (3 if "%d" in part else 0))
    parts = "".join(part.replace("%d", str(number)) for number in range(count))
    return f'<{name} xmlns="{SEP}" {before}{parts}{after}</{name}>'.encode()


def bodies() -> Iterator[tuple[str, bytes]]:
    """Each body with what it has too much of."""
    namespace = f'xmlns:q="u:{"x" * 20_000}"'
    readings = 'all="1" results="1">', "MirrorMeterReadingList"
    yield "foreign elements of a long namespace", filled(f"{namespace}>", "<q:a/>", "")
    yield "foreign elements", filled('xmlns:q="u:q">', "<q:a/>", "")
    yield "foreign elements, deep", filled('xmlns:q="u:q">', "<q:a>", "")
    yield "declarations, and foreign elements", (
        f'<DERStatus xmlns="{SEP}" ' + " ".join(f'xmlns:a{number}="u:a"' for number in range(30_000))
        + ">" + '<a1:b/>' * 900 + "</DERStatus>").encode()
    yield "foreign attributes", filled('xmlns:q="u:q"', ' q:a%d=""', ">")
    yield "attributes", filled("", ' a%d=""', ">")
    yield "types", filled(f"{XSI}>", '<readingTime xsi:type="TimeType">1</readingTime>', "")
    yield "digits", filled("><readingTime>", "9", "</readingTime>")
    yield "zeros", filled("><readingTime>", "0", "</readingTime>")
    yield "hexadecimal digits", filled("><alarmStatus>", "F", "</alarmStatus>")
    yield "text", filled(">", "a", "")
    yield "unknown elements", filled(">", "<a/>", "")
    yield "invalid items", filled(readings[0], "<MirrorMeterReading/>", "", readings[1])
    yield "items with an odd digit", filled(
        readings[0], "<MirrorMeterReading><mRID>1</mRID></MirrorMeterReading>", "", readings[1])
    yield "character references", filled(">", "&#32;", "")
    yield "a namespace", filled('xmlns:q="', "x", '">')
    yield "declarations", filled("", ' xmlns:a%d="u:a"', ">")


def peak_kb() -> int:
    """The most memory that this process has used; ru_maxrss has that of the parent before exec as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    # so that the schema is read
    codec.decode(f'<DERStatus xmlns="{SEP}"><readingTime>1</readingTime></DERStatus>'.encode())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    for name, body in bodies():
        started = time.process_time()
        try:
            codec.decode(body)
            answer = "accepted"
        except Refused as refused:
            answer = f"{refused.status} {refused.why}"
        cpu_s = round(time.process_time() - started, 3)
        peak_mb = peak_kb() // 1024
        print(json.dumps(
            {"name": name, "bytes": len(body), "answer": answer, "cpu_s": cpu_s, "peak_mb": peak_mb}))


if __name__ == "__main__":
    sys.exit(main())
