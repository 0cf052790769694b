"""Accounts of customers: what they were billed, and what they have paid beforehand.

Read `quantities` (money and measured quantities as decimals, to integers of the standard and back), `owners`
(whose an account is), `billfiles` (the lines of a CSV file), `billimport` (what they become, in parts),
`billwriter` (as which documents), `bills` (what there is), `prepayments` and `prepaychanges`. What follows
from an account's content is in functionsets/billing, functionsets/prepayment and functionsets/supply.
"""
