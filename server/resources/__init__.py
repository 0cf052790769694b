"""What a resource of the standard is, how it is kept, and how it is served.

Read `table` (which resources there are, and where), `codes` (the standard's enumerations), `schema` (made
of `schematypes`), `validation` and `codec` (XML to data and back, by `bulkcodec` many at once; `xmltext`,
`draft`, `foreign`, `ranges`, `repairs`, `hexbinary`, `quantities` and `elementunits` beside them),
`responsesets`, `links`, `ordering` and `visibility` (what follows from a document), `events` (the rules of
the five Event types), `hooks` (how a function set adds behaviour), `variants`, `profiles` and `editions`
(which form of a document whom is sent), `documents`, `linkcounts`, `eventlists`, `subscribability`, `outbox`
(who is told), `eventnotes` (what operators are told), `render`,
`audiences`, `transactions`, `parts` and `store` (writing; the store is the only writer, save `reindexing`
and `withdrawal`), `refresh` (what time changes), `renderings` (other variants) and `retrieve` (reading),
with `sql` beneath them. `meterreadings` are rows of their own, by `readingdays`.
Besides: `pollrates`, `dermodes`, `dryrun`, `retention`, `quotas`, `numbering`, `creation`, `versions`,
`namehints`, `csvlines`, `accounting`, `filecontents` (the bytes of files that devices load).
"""
