"""The definitions of the embedded servers: used by the supervisor and, one by one, by the tests."""
