"""A person's data erased: online at once, elsewhere by a job whose progress can be asked for."""
