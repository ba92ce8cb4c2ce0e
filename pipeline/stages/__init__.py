"""The stages of one request, each an object with one method. ``pipeline.chain`` says in which order they run."""
