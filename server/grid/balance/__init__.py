"""The plan that keeps a group in balance, and its execution step by step; needs the extra `balance`.

Read `program` (the linear program), `model` (its solver), `rolling` (plan again as time goes on) and `steps` (a planned
step becomes each member's power). Consumption is positive here, in W; DERControl has it the other way round.
"""
