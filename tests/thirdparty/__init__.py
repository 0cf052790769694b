"""Clients that nobody here wrote, against the real server over mutual TLS: `make clients`.

`__main__` is the target. `environment` makes .venv-clients with what is on PyPI, since these clients need a
newer Python and other versions than the server. `utility` does what a test procedure asks of the operator, by
the operator's commands. Scripts in `scripts/` run in that environment, and import nothing of this project:
`cactus.py` runs the server procedures of cactus-client, `meters.py` the clients that read meters.
"""
