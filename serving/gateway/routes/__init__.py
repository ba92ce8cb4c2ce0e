"""The routes of INTERFACE.md, a file a door."""
