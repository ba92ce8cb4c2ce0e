"""A world to test in: users, items, clicks with known truth."""
