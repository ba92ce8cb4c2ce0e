"""The embedded model server: TensorFlow Serving's gRPC protocol for the same directories and configuration file."""
