"""How a client reaches a server, and which resources it reads there.

Read `mtls` (HTTP over mutual TLS), `connection` (XML out and in), `timebase` (the server's clock), `polling`
(what is due) and `discovery` (following the links).
"""
