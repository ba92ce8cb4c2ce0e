"""Benchmarks: one module each, `headwater bench NAME` runs one."""
