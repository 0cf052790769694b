"""Time series of virtual DERs: signals, measurements and forecasts.

Read `intervals` (series of one value a step). Signals: `signals` (put, withdraw, show), `signalkinds`,
`issuedseries` (what was known at an instant), `stalesignals` (what is wrong). What was measured: `meteruse`
(which readings count together), `devicepower` (their sum), `registers`, `meterrows`, `measurements`,
`devicereadings`, `presentpower`, `areameter` (whether that of an area is believed); long ago: `quarterhours`,
`readingsums`. What is expected: `forecasts` (submit, show), `forecastvalues`, `forecastmethods`, `daytypes`,
`arrivals`, `arrivalspread`, `temperatures`, `thermalmodels` (what was learned of heat). Limits: `nodelimits`,
`nodeflows` (what flowed under them), `devicelimits`, and of connection points `envelopes`,
`envelopesegments`, `envelopefiles`. Prices that devices are told: `pricespans`, `tarifffiles`. Files:
`csvfiles` (`resolutions` beneath it), `localtimes`, `dateorders`; `signs` checks what comes in. `results` has
what operator functions return.
"""
