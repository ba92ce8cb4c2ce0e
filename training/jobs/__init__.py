"""The steps of the daily run: one file a step, each a function of a run that can be repeated."""
