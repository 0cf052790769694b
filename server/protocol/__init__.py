"""The device interface: IEEE 2030.5 over mutual TLS, bytes in and bytes out.

Read `listen`, `worker` and `admission` (address, processes, threads; `startup` says them), `connection`,
`message` and `tls` (one connection), `proxy` (which certificates are accepted; by `devices.trust`),
`alerts` and `refusals` (the log of those that are not), `credentials` (what is read of them), `app` and
`views` (from a request to the one view), `filetransfers` (the bytes of files), `answers` (what goes out), and
`background` (what is written beside requests, with `requestcounts`).
"""
