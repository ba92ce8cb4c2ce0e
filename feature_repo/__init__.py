"""The feature store: one file per feature, Feast's views over them, and its Redis layout."""
