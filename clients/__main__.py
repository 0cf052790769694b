"""Run simulated devices against a server: `python -m clients --help`."""
from __future__ import annotations

from clients.simulation.fleet import main

if __name__ == "__main__":
    main(prog_name="python -m clients")
