"""The servers, by default with one worker process, so that the drivers have a core of their own."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.load import databases, meter
from tests.load.driver import CIPHER

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
_NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log nginx.log warn; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; server_tokens off; keepalive_requests 1000000000; default_type application/sep+xml;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi; open_file_cache max=100; sendfile on; tcp_nodelay on;
    server {{
        listen 127.0.0.1:{port} ssl; root files;
        ssl_certificate {certs}/server.pem; ssl_certificate_key {certs}/server.key;
        ssl_client_certificate {certs}/ca.pem; ssl_verify_client on; ssl_verify_depth 3;
        ssl_protocols TLSv1.2; ssl_ciphers {cipher}:@SECLEVEL=0; ssl_ecdh_curve prime256v1;
    }}
}}
"""


class Server:
    """A server's main process and its worker on a port of its own; `log` is a file in `folder`."""
    database = ""

    def __init__(self, folder: Path, name: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / f"{name}.log"

    def start(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it listens and its worker runs."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=log,
                stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while not self._is_there():
            if time.monotonic() > end or self.process.poll() is not None:
                self.stop()
                raise RuntimeError(f"it did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)
        time.sleep(0.5)
        self.pids = meter.tree(self.process.pid)
        self.worker = self.pids[-1]

    def _is_there(self) -> bool:
        with socket.socket() as probe:
            return not probe.connect_ex(("127.0.0.1", self.port)) and len(meter.tree(self.process.pid)) > 1

    def cpu(self) -> dict[int, float]:
        """Return the CPU seconds of its processes, and of those that work for its database."""
        return meter.cpu([*self.pids, *(databases.processes(self.database) if self.database else [])])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Gunicorn(Server):
    """A gunicorn with the present settings, but another configuration, port and database (a URL)."""

    def __init__(self, folder: Path, name: str, configuration: str, certs: Path, database: str = "",
                 workers: int = 1, synchronous: str = "normal"):
        """`synchronous` is normal where CPU is compared, which a wait for the disk would add to."""
        super().__init__(folder, name)
        self.database = database
        self.start([sys.executable, "-m", "gunicorn", "-c", f"python:{configuration}"], {
            "COUNTERPOISE_PORT": str(self.port),
            "COUNTERPOISE_WORKERS": str(workers),
            "COUNTERPOISE_CERTIFICATE": str(certs / "server.pem"),
            "COUNTERPOISE_KEY": str(certs / "server.key"),
            "COUNTERPOISE_CLIENT_CA": str(certs / "ca.pem"),
            "COUNTERPOISE_SYNCHRONOUS": synchronous,
            "COUNTERPOISE_DATABASE": database or f"sqlite:///{folder}/none.db",
        })


class Nginx(Server):
    """nginx, which serves `files` with the same certificates, suite and verification of clients."""

    def __init__(self, folder: Path, certs: Path, files: Mapping[str, bytes]):
        super().__init__(folder, "nginx")
        assert NGINX is not None
        (folder / "files").mkdir()
        for name, body in files.items():
            (folder / "files" / name).write_bytes(body)
        (folder / "nginx.conf").write_text(_NGINX.format(
            port=self.port, certs=certs, cipher=CIPHER, user="user root;" if os.getuid() == 0 else ""))
        self.start([NGINX, "-p", str(folder), "-c", "nginx.conf"])
