"""Proofs that take too long for `make test`: `make soak`.

Each tries to break the server and tells what it tried and what was lost: `kills` (of every process, under the
load of `writers`; then `promises` are compared with what is there), `fuzz` (mutated requests), `access` (who
may do what, in this process and over TLS), `attackers` (slow, idle and greedy clients, beside `honest` ones)
and `day` (the demonstration, fast). `site` has the processes, `outcome` the table. `flows` repeats the tests
of real processes. The tests beside them show in seconds that each proof can fail.
"""
