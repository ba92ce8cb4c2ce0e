"""The recommendation itself: declared stages, pure, with ports."""
