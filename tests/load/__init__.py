"""What a request costs: `make bench`, or `python -m tests.load`.

CPU milliseconds of the server per request, measured against an empty Flask view behind the same worker and
TLS in the same run. Read `__main__` (the run), `cases` (the requests, and the targets), `databases`,
`servers` (what is started), `driver` (the client) and `meter` (what is read from /proc), in this order.

CPU time repeats where requests per second do not: it hardly depends on what else the machine does. Rounds
are short and every case has its turn in each, so that drift cancels; medians are shown.
"""
