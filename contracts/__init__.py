"""Ground: the row types, settings, clock and errors that every room shares. Imports nothing of ours."""
