"""Time series of virtual DERs: what the grid asks, what was measured, what is to come.

Read `intervals` (series of one value a step), `signals`, `measurements`, `forecasts` (with `forecastmethods` and
`arrivals` beneath them) and `csvfiles`.
"""
