"""Great Expectations between the lake and training: a broken day stops here."""
