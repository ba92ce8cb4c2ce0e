"""The consumer: reads the events topic in a group, keeps the online state fresh. ``python -m streaming.consumer``."""
