"""What is known of the members of a virtual DER, from what they reported.

The rows: `devicetypes`, `derstates`, `meters`, `chargingsessions`, `participation` (kept in step with the documents;
`rebuild` makes them anew). Singly: `members`, `power`, `rotation`. In arrays: `membercolumns`, `eligibility`,
`resources`, `fleetstate`, `projection`; `setpoints` puts power into what devices can be told.
"""
