"""Training-serving skew: features as training computes them for a moment, against those that were online then."""
