"""What a 2030.5 resource is and how it is kept.

Read `table` (which resources there are and where), `codec` (XML to data and back), `events` (the rules of the five
Event types), `hooks` (how a function set says what else happens), `derive` (what follows from what was said) and
`store` (the only writer of documents), in this order.
"""
