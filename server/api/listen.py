"""The configuration of gunicorn for the operator interface (`gunicorn -c python:server.api.listen`).

gunicorn reads the module's variables: address, processes, threads, log and TLS. The listener is its own: it
never shares a port with the device interface.
"""
from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Callable
from typing import Any

from gunicorn import glogging

from server import logs, models
from server.api import startup
from server.config import BadSettings, checks, settings
from server.models import inuse


class ConsoleLogger(glogging.Logger):
    """Writes gunicorn's own messages like all others (server/logs.py)."""

    def setup(self, cfg: Any) -> None:
        """Set up the log of this process."""
        self.cfg, self._access_log_enabled = cfg, False
        self.error_log.propagate = True
        logs.configure("console")
        logs.watch_threads()


try:
    settings.require()
    if found := list(startup.faults()):
        raise BadSettings(found)
except BadSettings as refused:
    sys.exit(f"Error: {refused}")

wsgi_app = "server.api.startup:application()"
bind = [checks.authority(host, settings.console_port) for host in checks.addresses(settings.console_host)]
workers = settings.console_workers
threads = settings.console_threads
worker_class = "server.api.threadworker.StreamingWorker"
preload_app = True
control_socket_disable = True   # it would write to the home directory
proc_name = "counterpoise-console"
logger_class = ConsoleLogger
loglevel = settings.log_level

if settings.console_tls:
    certfile, keyfile = startup.certificate()
    if settings.console_operator_ca:
        ca_certs, cert_reqs = settings.console_operator_ca, ssl.CERT_OPTIONAL
# X509_V_FLAG_NO_CHECK_TIME: dates are looked at by server.operators.certificates, which says what is wrong.
_NO_CHECK_TIME = 0x200000


def ssl_context(conf: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return what TLS is spoken with (a hook of gunicorn)."""
    context = default()
    if settings.console_operator_ca:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME) | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def on_starting(arbiter: Any) -> None:
    """Say that the database is in use, for as long as any of the processes lives (a hook of gunicorn)."""
    arbiter.database_in_use = inuse.hold(settings.database)


def when_ready(arbiter: Any) -> None:
    """Say where it listens (a hook of gunicorn)."""
    log, urls = logging.getLogger(logs.START), startup.urls()
    log.info("operators are served on %s/api/v1", ", ".join(urls))
    if startup.has_console():
        log.info("the console for people is on %s/console/", ", ".join(urls))


def post_fork(arbiter: Any, worker: Any) -> None:
    """Let a new worker process hold the database open, and do what was put off (a hook of gunicorn)."""
    from server.api import jobrunner  # which loads every operation
    models.hold_open()
    jobrunner.start()
