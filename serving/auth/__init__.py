"""Who is asking and what they may do: bearer tokens of any OIDC issuer, and the embedded issuer for laptops."""
