"""The empty view behind gunicorn's own threads, with one SSLContext made before the fork: `gunicorn -c
python:…`."""
import ssl

from server.config import settings
from server.protocol import tls

wsgi_app = "tests.load.empty:app"
bind = f"{settings.host}:{settings.port}"
workers, threads, worker_class = settings.workers, settings.threads, "gthread"
keepalive, backlog, preload_app, control_socket_disable, loglevel = (
    settings.keepalive_s,
    2048,
    True,
    True,
    "warning",
)
certfile, keyfile, ca_certs = settings.certificate, settings.key, settings.client_ca

shared = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
shared.minimum_version = shared.maximum_version = ssl.TLSVersion.TLSv1_2
shared.set_ciphers(":".join(tls.CIPHERS) + ":@SECLEVEL=0")
shared.load_cert_chain(certfile, keyfile)
shared.load_verify_locations(ca_certs)
shared.verify_mode = ssl.CERT_REQUIRED


def ssl_context(config: object, default: object) -> ssl.SSLContext:
    return shared
