"""Certificates of an IEEE 2030.5 deployment.

Read `authority` (who issues what, with which extensions), then `dev` (the development tree under certs/dev/,
and what the command line does with it).
"""
