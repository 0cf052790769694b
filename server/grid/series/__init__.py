"""Time series of virtual DERs: signals, measurements and forecasts.

Read `intervals` (series of one value a step), `signals`, `measurements`, `forecasts` (with `forecastmethods`
and `arrivals` beneath them) and `csvfiles` (with `localtimes`).
"""
