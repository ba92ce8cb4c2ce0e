"""PostgreSQL of releases and experiments: engine and migrations."""
