"""The reference of all comparisons: an empty Flask view, behind the device interface's own worker and TLS.

`gunicorn -c python:tests.load.empty` reads this; `tests.load.bare` puts the same view behind gunicorn's own
worker.
"""
from flask import Flask, Response

from server.protocol.listen import *  # noqa: F401,F403

wsgi_app = "tests.load.empty:app"
app = Flask("empty", static_folder=None)
BODY = b"x" * 500


@app.route("/")
def nothing() -> Response:
    return Response(BODY, content_type="application/sep+xml")
