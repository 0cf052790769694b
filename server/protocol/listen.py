"""The configuration of gunicorn (`gunicorn -c python:server.protocol.listen`), from the settings.

gunicorn reads the module's variables: address, processes, threads, log and TLS of the device interface.
"""
from __future__ import annotations

import sys
from typing import Any

from gunicorn import glogging
from OpenSSL import SSL

from server import logs
from server.config import BadSettings, settings
from server.protocol import tls


class Logger(glogging.Logger):
    """Writes gunicorn's own messages like all others (server/logs.py)."""

    def setup(self, cfg: Any) -> None:
        """Set up the log of this process."""
        self.cfg, self._access_log_enabled = cfg, False
        self.error_log.propagate = True
        logs.configure("serve")
        logs.watch_threads()


def _context() -> SSL.Context:
    """Return the context of TLS. Ends the process with a message where the files cannot be used."""
    try:
        return tls.context(settings.certificate, settings.key, settings.client_ca)
    except (OSError, SSL.Error, ValueError) as error:
        sys.exit(f"Error: certificate {settings.certificate}, key {settings.key} and client_ca "
                 f"{settings.client_ca} cannot be used together: {error!r}. They have to be PEM files, and "
                 "the key that of the certificate.")


try:
    settings.require(files=True)
except BadSettings as refused:
    sys.exit(f"Error: {refused}")

wsgi_app = "server:create_app()"
bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.workers
threads = settings.threads
worker_class = "server.protocol.worker.Worker"
keepalive = settings.keepalive_s
backlog = 2048
preload_app = True              # the application is made once, and the workers share its memory
control_socket_disable = True   # it would write to the home directory
proc_name = "counterpoise"
logger_class = Logger
loglevel = settings.log_level

if not settings.proxies:
    certfile, keyfile, ca_certs = settings.certificate, settings.key, settings.client_ca
    context = _context()

    def ssl_context(config: Any, default: Any) -> SSL.Context:
        """Return the context, which all workers share (a hook of gunicorn)."""
        return context
