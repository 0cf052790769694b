"""What a virtual DER can do: now (`capability`, `status`), over a horizon (`horizon`, `rollup`), and as if it were
one DER (`equivalentder`).
"""
