"""What a hundred thousand devices cost beside a thousand: `make bench-scale`.

`population` makes the databases, `requests` measures what random devices ask, `operations` what operators do
meanwhile, with `poller` as the device that waits, and `readings` how many readings a second are taken.
"""
