"""The operator interface as a process: its own port, TLS, a token."""
from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from certs import dev
from server import clock
from server.config import settings
from server.models import changes
from server.operators import tokens, users
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.listening import PATIENCE, listening


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    dev.make_dev(folder, devices=1)
    return folder


@on_sqlite
def test_it_listens_on_its_own_port_with_tls(server: None, tree: Path, tmp_path: Path) -> None:
    users.create("kate", Role.VIEWER)
    token = tokens.create("kate", "desk", None, "", 3600)["token"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = ssl.create_default_context(cafile=str(tree / "ca.pem"))
    with listening(tree, tmp_path / "log", "server.api.startup:application()", "server.api.listen",
                   database=settings.database, clock=clock.spec(), console_port=port, console_workers=1,
                   console_threads=2) as device_interface:
        request = Request(f"https://127.0.0.1:{port}/api/v1/clock",
                          headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, context=client, timeout=PATIENCE) as answer:
            assert json.load(answer)["suspect"] is False
        streams = [urlopen(Request(f"https://127.0.0.1:{port}/api/v1/stream", headers=request.headers),
                           context=client, timeout=PATIENCE) for _ in range(3)]  # more than threads
        changes.note(changes.ALARM, "raised", 1)
        with urlopen(request, context=client, timeout=PATIENCE) as answer:
            assert answer.status == 200
        for stream in streams:
            with stream:
                lines = [stream.readline() for _ in range(7)]
            assert lines[2] == b"event: ready\n" and b'"subject": "1"' in lines[6]
        with pytest.raises(ConnectionRefusedError):  # the device interface is another process
            device_interface.connect()
        assert f"operators are served on https://127.0.0.1:{port}/api/v1" in (tmp_path / "log").read_text()
