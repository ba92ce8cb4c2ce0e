"""The typed client of the HTTP interface: ``headwater_client`` is generated from ``openapi.json``, never edited."""
