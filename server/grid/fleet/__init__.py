"""What is known of the members of a virtual DER, from what they reported.

The rows, kept in step with the documents: `devicetypes`, `derstates` (from `derreports`, as far as
`plausibility` lets them; `inferredcapacity`, `ratingoverrides`), `meters` with `meterrecords`,
`chargingsessions` (`repeatedrequests` count once; `unmetneeds`), `participation`; `rebuild` makes them
anew. `devicealarms` are those that devices say of themselves. Businesses have `contracts` (from
`contractfiles`), whose blocks `siteblocks` reads as they are now and `blockcalls` calls; `contractchecks`
holds events to them. Members one by one: `members`, `power`, `ratings`, `rotation`; `reactivecapability`,
`reactivereadings`. In arrays: `membercolumns` (read by `memberqueries`) and `kindmembers`, `eligibility`,
`resources` with `storageresources`, `sessionresources` and `meanloads`, `fleetstate`, `pointlimits`,
`defaultloads` (what storage does by itself), `thermalbase` (what thermal loads draw by themselves). What
was commanded: `stops`, `manualdispatch`, `grantedsessions`, `projection`. Towards devices: `setpoints` and
`reservationoffer` turn power into what devices are sent; `publishedfiles` are what they load. On the map:
`fleetmap` and `feeders`. `results` has what functions return.
"""
