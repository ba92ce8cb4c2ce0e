"""Releases: immutable directories, and the pointers that move between them."""
