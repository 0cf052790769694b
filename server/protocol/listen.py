"""What gunicorn reads: `gunicorn -c python:server.protocol.listen`. Addresses, processes, threads and TLS of the
devices' door, all from the settings (server/config.py)."""
from __future__ import annotations

from typing import Any

from OpenSSL import SSL

from server.config import settings
from server.protocol import tls

wsgi_app = "server:create_app()"
bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.workers
threads = settings.threads
worker_class = "server.protocol.worker.Worker"
keepalive = settings.keepalive
backlog = 2048
preload_app = True              # the application is made once, and the workers share its memory
control_socket_disable = True   # it would write to the home directory
proc_name = "counterpoise"
loglevel = "warning"

if not settings.proxies:
    certfile, keyfile, ca_certs = settings.certificate, settings.key, settings.client_ca
    context = tls.context(certfile, keyfile, ca_certs)

    def ssl_context(config: Any, default: Any) -> SSL.Context:
        """gunicorn's hook: the same context for all workers, made before they fork."""
        return context
