"""Candidate models. Each module has ``fit`` and returns an object that scores histories and exports itself."""
