"""What has happened to the tables, step by step; applied in the order of their numbers when a database is opened."""
