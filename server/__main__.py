"""`python -m server` is `counterpoise`."""
from server.cli import main

main(prog_name="counterpoise")
