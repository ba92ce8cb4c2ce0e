"""How good a model is, how sure we are of it, for whom, and whether it may ship."""
