"""How a client reaches a server and finds its way there.

Read `mtls` (HTTP over mutual TLS), `connection` (XML out and in), `timebase` (the server's clock), `polling`
(what is due) and `discovery` (the walk along links).
"""
