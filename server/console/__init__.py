"""The console: pages of the operator interface below `/console`, for people with a browser.

Pages are rendered here, by Flask and Jinja; `static/console.js` refetches what is live and draws charts.
Whatever a page does is an operation of `server.operations`, run by the way that the REST interface has.
Read `frame` first (what all pages have), then `pagetable` (which pages there are), `identity` (who has signed
in, with `signin`), `running` (an operation in their name), `forms` (made from a declaration; `fieldvalues`
reads them, `seen` keeps one that is out of date from being done), `actions` (the page of any operation),
`tables` and `cells` (results), `charts` and `timelines`, `areaviews` (areas in balance), `generated` (a page
that is no more than the operations of its groups), `pages` (all others), `assets` (files of installed
packages) and `refusals`.
"""
