"""Slow, idle and greedy clients over TLS, while honest ones poll: what the honest ones notice."""
from __future__ import annotations

import multiprocessing
import socket
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from OpenSSL import SSL

from certs import dev
from server import clock, models
from server.config import settings
from server.devices import enrolment
from tests.flows.server import entries
from tests.listening import GET, context, secure
from tests.soak import honest
from tests.soak.outcome import Outcome
from tests.soak.site import Site

HONEST = 4
PATIENCE_S = 10.0
"""A longer answer is a fault: a device that waits so long gives up."""


class Attacker:
    """Connections with one certificate, `device-1`, that mean no good."""

    def __init__(self, tree: Path, port: int, stop: threading.Event):
        self.tree, self.port, self.stop = tree, port, stop
        self.context = context(tree, "device-1")
        self.counts: Counter[str] = Counter()

    def plain(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def client(self) -> ssl.SSLSocket:
        self.counts["connections"] += 1
        return secure(self.plain(), self.context)

    def in_threads(self, number: int, task: Callable[[], None]) -> None:
        """Repeat a task in threads until the attack is over; it may fail as it likes."""
        def again() -> None:
            while not self.stop.is_set():
                with suppress(OSError, SSL.Error, ValueError):
                    task()
                    continue
                self.counts["cut"] += 1
                self.stop.wait(0.05)
        threads = [threading.Thread(target=again, daemon=True) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def drip(self, head: bytes, rest: bytes) -> None:
        """Send a beginning, and then a byte now and then."""
        with self.client() as client:
            client.sendall(head)
            for at in range(len(rest)):
                if self.stop.wait(0.5):
                    return
                client.sendall(rest[at:at + 1])
                self.counts["bytes"] += 1

    def slow_headers(self) -> None:
        self.in_threads(100, lambda: self.drip(b"GET /dcap HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 1000))

    def slow_bodies(self) -> None:
        head = (b"PUT /edev/1/der/1/ders HTTP/1.1\r\nHost: x\r\nContent-Type: application/sep+xml\r\n"
                b"Content-Length: 1000\r\n\r\n")
        self.in_threads(100, lambda: self.drip(head, b"<" * 1000))

    def idle_connections(self) -> None:
        """Thousands: as many as the time allows; each stays open until it is closed by the server."""
        held: list[ssl.SSLSocket] = []

        def hold() -> None:
            held.append(self.client())
        self.in_threads(8, hold)
        for client in held:
            client.close()

    def half_open_handshakes(self) -> None:
        """Connections that never say a word, or the beginning of a ClientHello."""
        held: list[socket.socket] = []

        def hold() -> None:
            held.append(self.plain())
            self.counts["connections"] += 1
            if len(held) % 2:
                held[-1].sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            self.stop.wait(0.01)
        self.in_threads(4, hold)
        for sock in held:
            sock.close()

    def pipelining(self) -> None:
        """Requests without end on as many connections as a certificate may have."""
        def flood() -> None:
            with self.client() as client:
                client.settimeout(2)
                reader = threading.Thread(target=self._drain, args=[client], daemon=True)
                reader.start()
                while not self.stop.is_set():
                    client.sendall(GET * 200)
                    self.counts["requests"] += 200
        self.in_threads(16, flood)

    def _drain(self, client: ssl.SSLSocket) -> None:
        with suppress(OSError, ValueError):
            while client.recv(1 << 20):
                pass

    def handshakes(self) -> None:
        """Full handshakes, one after the other."""
        def shake() -> None:
            self.client().close()
        self.in_threads(4, shake)

    def renegotiation(self) -> None:
        """Handshakes inside of connections, as often as they are answered."""
        def renegotiate() -> None:
            own = SSL.Context(SSL.TLSv1_2_METHOD)
            own.use_certificate_chain_file(str(self.tree / "device-1.pem"))
            own.use_privatekey_file(str(self.tree / "device-1.key"))
            own.set_cipher_list(b"ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
            with self.plain() as sock:
                sock.settimeout(None)
                channel = SSL.Connection(own, sock)
                channel.set_connect_state()
                channel.do_handshake()
                self.counts["connections"] += 1
                for _ in range(50):
                    channel.renegotiate()
                    channel.do_handshake()
                    self.counts["renegotiations accepted"] += 1
        self.in_threads(4, renegotiate)


ATTACKS = ("slow_headers", "slow_bodies", "idle_connections", "half_open_handshakes", "pipelining",
           "handshakes",
           "renegotiation")


def attack(name: str, tree: str, port: int, stop: Event, pipe: Any) -> None:
    """An attacker, as a process of its own, until `stop`."""
    over = threading.Event()
    attacker = Attacker(Path(tree), port, over)

    def watch() -> None:
        stop.wait()
        over.set()
    threading.Thread(target=watch, daemon=True).start()
    pipe.send("")
    getattr(attacker, name)()
    pipe.send(dict(attacker.counts))


def prove(seconds: float) -> list[Outcome]:
    """Attack in each way in turn, for so many seconds altogether, and once not at all, to compare."""
    outcomes = []
    each_s = max(5.0, seconds / (len(ATTACKS) + 1))
    saved, pace = dict(settings.__dict__), clock.spec()
    with tempfile.TemporaryDirectory(prefix="soak-attackers") as name:
        folder = Path(name)
        certs = folder / "certs"
        dev.make_dev(certs, devices=HONEST + 1)
        site = Site(folder, certs, f"sqlite:///{folder}/attackers.db", workers=2)
        site.start()
        try:
            models.connect(site.database)
            for number in range(1, HONEST + 2):
                enrolment.enrol(entries(certs)[f"device-{number}"]["lfdi"], name=f"d{number}")
            models.db.close()
            pipes = list(map(_honest, [site] * HONEST, range(2, HONEST + 2)))
            for attack_name in ("", *ATTACKS):
                outcomes.append(_one(site, attack_name, each_s, pipes))
            for pipe in pipes:
                pipe.send(0)
            for fault in site.tracebacks():
                outcomes[-1].faults.append(fault)
        finally:
            site.end()
            settings.__dict__.update(saved)
            clock.follow(pace)
    return outcomes


def _honest(site: Site, number: int) -> Any:
    """Start an honest client; the pipe takes for how many seconds it polls, and gives what it noticed."""
    spawn: Any = multiprocessing.get_context("spawn")
    files = tuple(str(site.certs / file) for file in ("ca.pem", f"device-{number}.pem",
                                                      f"device-{number}.key"))
    ours, theirs = spawn.Pipe()
    spawn.Process(target=honest.run, args=(site.address, files, number == 2, theirs), daemon=True).start()
    return ours


def _one(site: Site, name: str, seconds: float, pipes: list[Any]) -> Outcome:
    spawn: Any = multiprocessing.get_context("spawn")
    outcome = Outcome(f"attack: {name.replace('_', ' ') or 'none'}", "")
    latencies: list[float] = []
    refused: list[str] = []
    counts: dict[str, int] = {}
    stop, (theirs, ours) = spawn.Event(), spawn.Pipe()
    attacker = spawn.Process(target=attack, args=(name, str(site.certs), site.port, stop, ours), daemon=True)
    if name:
        attacker.start()
        theirs.recv()  # it begins
    for pipe in pipes:
        pipe.send(seconds)
    for pipe in pipes:
        if not pipe.poll(seconds + 120):
            outcome.faults.append("an honest client did not come back")
            continue
        more_latencies, more_refused = pipe.recv()
        latencies += more_latencies
        refused += more_refused
    stop.set()
    if name:
        counts = theirs.recv() if theirs.poll(30) else {}
        attacker.join(10)
        attacker.kill()
    outcome.tried = f"{len(latencies)} polls of {HONEST} honest clients in {seconds:.0f} s"
    return judge(outcome, latencies, refused, counts)


def judge(outcome: Outcome, latencies: list[float], refused: list[str], counts: dict[str, int]) -> Outcome:
    """Complete the outcome of an attack by what honest clients noticed and what the attacker counted."""
    worst_s = max(latencies, default=0.0)
    outcome.lost = len(refused)
    outcome.figures = {"worst latency": f"{worst_s * 1000:.0f} ms", **{
        f"attacker's {what}": count for what, count in counts.items()}}
    if refused:
        outcome.faults.append(f"honest clients were refused: {dict(Counter(refused).most_common(3))}")
    if worst_s > PATIENCE_S:
        outcome.faults.append(f"an honest client waited {worst_s:.1f} s")
    if counts.get("renegotiations accepted"):
        outcome.faults.append(f"{counts['renegotiations accepted']} renegotiations were accepted")
    return outcome
