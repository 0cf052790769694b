"""The device interface: IEEE 2030.5 over mutual TLS, bytes in and bytes out.

Read `listen` and `worker` (address, processes, threads), `connection`, `message` and `tls` (one connection),
`trust` and `proxy` (which certificates are accepted), `app` and `views` (from a request to the one view),
`answers` (what goes out).
"""
