"""Who uses the operator interface: users, what they may do, and how they prove who they are.

Read `roles`, then `principals` (who asks for something), `users` and `tokens` (who there is), `passwords` and
`throttling`, `sessions` (who has signed in), `certificates`, `openid`, `authentication` (who it is),
`authorisation` (whether they may), `approvals` (what waits for somebody else) and `local` (the command line
on the database itself). What a principal with rights in a part of the tree may see is in `server.scopes`,
which whatever finds or lists something consults.
"""
