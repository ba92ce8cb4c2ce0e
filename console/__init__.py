"""The operator's console: what runs, how it answers, which release serves and why, and the buttons to change it."""
