"""The standard as data: schemas (*.xsd), which say what a resource is, and tables (*.toml), which say where it stands."""
