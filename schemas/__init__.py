"""The standard as data: *.xsd say what a resource contains, *.toml where it is."""
