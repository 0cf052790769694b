"""The devices' door: IEEE 2030.5 over mutual TLS.

Read `listen` and `worker` (address, TLS, connections), `identity` (certificate to LFDI), `access` (who may do what),
`views` (the one view), `answers` (what goes out), and `functionsets` (what a function set adds to plain storage).
"""
