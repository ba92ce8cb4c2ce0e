"""The roof: schedules, edges, retries. No business code."""
