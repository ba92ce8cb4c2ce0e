"""The HTTP service: routes, tokens, limits, and the adapters that bring Redis, gRPC and Kafka to the pipeline."""
