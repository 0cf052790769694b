"""The configuration of gunicorn (`gunicorn -c python:server.protocol.listen`), from the settings.

gunicorn reads the module's variables: address, processes, threads, log and TLS of the device interface.
"""
from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

from gunicorn import glogging
from OpenSSL import SSL

from server import logs, models
from server.config import BadSettings, checks, settings
from server.devices.revocation import BadRevocationList
from server.models import inuse
from server.protocol import credentials, startup


class Logger(glogging.Logger):
    """Writes gunicorn's own messages like all others (server/logs.py)."""

    def setup(self, cfg: Any) -> None:
        """Set up the log of this process."""
        self.cfg, self._access_log_enabled = cfg, False
        self.error_log.propagate = True
        logs.configure("serve")
        logs.watch_threads()


try:
    settings.require(files=True)
    credentials.load()
except BadSettings as refused:
    sys.exit(f"Error: {refused}")
except BadRevocationList as fault:
    sys.exit(f"Error: {fault}.")
except (OSError, SSL.Error, ValueError) as fault:
    sys.exit(f"Error: {credentials.fault(fault)}")

wsgi_app = "server:create_app()"
bind = [checks.authority(host, settings.port) for host in checks.addresses(settings.host)]
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

    def ssl_context(config: Any, default: Any) -> SSL.Context | None:
        """Return the context, which all workers share (a hook of gunicorn)."""
        return credentials.current().context


def on_starting(arbiter: Any) -> None:
    """Say that the database is in use, for as long as any of the processes lives (a hook of gunicorn)."""
    arbiter.database_in_use = inuse.hold(settings.database)


def when_ready(arbiter: Any) -> None:
    """Say where it listens, and set up the signals of the main process (a hook of gunicorn)."""
    for line in startup.lines():
        logging.getLogger(logs.START).info(line)
    signal.signal(signal.SIGUSR2, _refuse_upgrade)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGHUP))
    signal.alarm(settings.reload_hours * 3600)


def post_fork(arbiter: Any, worker: Any) -> None:
    """Let a new worker process hold the database open (a hook of gunicorn)."""
    models.hold_open()


def on_reload(arbiter: Any) -> None:
    """Read certificates and revocation lists again, for the new worker processes (a hook of gunicorn).

    New contexts have new keys for session tickets.
    """
    credentials.reload()
    signal.alarm(settings.reload_hours * 3600)


def _refuse_upgrade(*_: Any) -> None:
    """Refuse SIGUSR2, by which gunicorn would start a second main process beside this one."""
    logging.getLogger(__name__).error(
        "SIGUSR2 is not supported: SIGHUP takes new certificates, a restart starts a new version")
