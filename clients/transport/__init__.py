"""How a client reaches a server: `mtls`, `connection`, `polling`, `timebase`, `discovery`."""
