"""The real-time stream: producer, consumer, lake sink."""
