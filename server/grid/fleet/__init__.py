"""What is known of the members of a virtual DER, from what they reported.

The rows, kept in step with the documents: `devicetypes`, `derstates`, `meters`, `chargingsessions`,
`participation`; `rebuild` makes them anew. One by one: `members`, `power`, `rotation`. In arrays:
`membercolumns` and `kindmembers`, `eligibility`, `resources`, `fleetstate`, `projection`. Towards devices:
`setpoints` and `reservationoffer` put power into what they can be told.
"""
