"""Online serving: gateway and model server."""
