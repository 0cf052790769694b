"""The devices: `devicemodel` and what follows it, `client`, `device`, `aggregator`; `faults` is how they misbehave."""
