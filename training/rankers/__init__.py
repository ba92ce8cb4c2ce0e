"""Rankers: they order the candidates that all sources together found, and learn from what users did next."""
