"""Labels joined with the features that were known at their moment."""
