"""The least request that still fails: what can be taken away is, elements, attributes, headers and bytes."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from lxml import etree

from tests.soak.fuzz import checks
from tests.soak.fuzz.campaign import Failure, Found, attempt
from tests.soak.fuzz.cases import case
from tests.soak.fuzz.wire import Request
from tests.soak.fuzz.world import World

TRIES = 300


def replayed(world: World, seed: int, failure: Failure) -> str:
    """What repeats a failure: the request alone, made small, else with those before it in its batch."""
    command = f"python -m tests.soak fuzz --engine {world.engine} --seed {seed}"
    if failure.number < 0:
        return f"{command} --batch {failure.batch}"
    assert failure.request is not None
    if not fails(world, failure.request):
        return f"{command} --batch {failure.batch} --only {failure.number} (only after those before it)"
    least = shrink(failure.request, lambda request: fails(world, request))
    return f"{command} --only {failure.number}; the least of it, from {least.lfdi}: {least.encode()[:3000]!r}"


def fails(world: World, request: Request) -> bool:
    """Whether a request, alone, has a wrong answer at a fresh server."""
    with world.fresh(), checks.listening() as records:
        return bool(attempt(world, request, records, float("inf"), Found()))


def alone(world: World, seed: int, number: int) -> list[str]:
    """What is wrong with the answer to one case at a fresh server."""
    with world.fresh(), checks.listening() as records:
        return attempt(world, case(world, seed, number), records, checks.CPU_S, Found())


def shrink(request: Request, wrong: Callable[[Request], bool]) -> Request:
    """The least request found in TRIES tries that is still wrong."""
    tries = 0
    while True:
        for smaller in _smaller(request):
            tries += 1
            if tries > TRIES:
                return request
            if wrong(smaller):
                request = smaller
                break
        else:
            return request


def _smaller(request: Request) -> Iterator[Request]:
    for header in request.headers:
        yield request._replace(headers=tuple(other for other in request.headers if other is not header))
    for body in _smaller_bodies(request.body or b""):
        yield request._replace(body=body)


def _smaller_bodies(body: bytes) -> Iterator[bytes]:
    with suppress(etree.XMLSyntaxError, etree.XPathEvalError, ValueError):
        root = etree.fromstring(body)
        tree = root.getroottree()
        for path in [tree.getpath(element) for element in root.iter(etree.Element) if element is not root]:
            copy = etree.fromstring(body)
            found: list[etree._Element] = copy.getroottree().xpath(path)
            if found and found[0].getparent() is not None:
                found[0].getparent().remove(found[0])
                yield etree.tostring(copy)
        for number, element in enumerate(root.iter(etree.Element)):
            for name in element.attrib:
                copy = etree.fromstring(body)
                del list(copy.iter(etree.Element))[number].attrib[name]
                yield etree.tostring(copy)
        return
    size = max(1, len(body) // 2)
    while size:
        for at in range(0, len(body), size):
            yield body[:at] + body[at + size:]
        size //= 2
