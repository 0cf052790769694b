"""`python -m tests.load.scale.poller URL`: random devices poll until standard input ends; prints how many
GETs that were, and the longest that one took, in seconds."""
from __future__ import annotations

import itertools
import select
import sys
import time

from server.protocol import app
from tests import peers
from tests.load import databases
from tests.load.scale import requests
from tests.wsgi import Client

PAUSE_S = 0.02
GETS = ("GET DeviceCapability", "GET DERProgramList", "GET FunctionSetAssignmentsList", "GET DERControlList")


def main() -> None:
    databases.connect(sys.argv[1], keep_plans=True)
    application, chosen = app.create(), requests.callers(50)
    count, longest_s = 0, 0.0
    print("ready", flush=True)
    for caller in itertools.cycle(chosen):
        if select.select([sys.stdin], [], [], PAUSE_S)[0]:
            break
        for name in GETS:
            began = time.monotonic()
            reply = requests.CASES[name](peers.Peer(Client(application), caller.lfdi), caller, 0)
            assert reply.status == 200, (name, reply.status)
            longest_s = max(longest_s, time.monotonic() - began)
            count += 1
    print(count, longest_s)


if __name__ == "__main__":
    main()
