"""Experiments: assignment, analysis, decision."""
