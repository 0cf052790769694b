"""A module for each page of the console that is more than its operations.

Each has a Flask blueprint of the name blueprint, whose rules begin after `/console`. A page of
`server.console.pagetable` without a module here is generated.
"""
