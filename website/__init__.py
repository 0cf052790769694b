"""The documentation site, `make docs`: its pages are in docs/ or made from what the code says of itself.

Read `__main__` (what is written where), `pages` (all of them), `navigation` (which page is where), `links`
(what a page's link to a file outside docs/ becomes), then what is made from the code: `rest`, `resources`,
`alarms`, `metrics`, `packages`.
"""
