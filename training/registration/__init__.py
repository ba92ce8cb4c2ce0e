"""A run and its release as MLflow shows them."""
