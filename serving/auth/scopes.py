"""What a token may allow."""

RECOMMENDATIONS_READ = "recommendations:read"
EVENTS_WRITE = "events:write"
CATALOGUE_WRITE = "catalogue:write"
EXPERIMENTS_READ = "experiments:read"
EXPERIMENTS_FORCE = "experiments:force"
ADMIN = "admin"

SCOPES = (RECOMMENDATIONS_READ, EVENTS_WRITE, CATALOGUE_WRITE, EXPERIMENTS_READ, EXPERIMENTS_FORCE, ADMIN)
DEFAULT_SCOPES = tuple(scope for scope in SCOPES if scope != ADMIN)
"""What the embedded issuer gives when nothing is asked for."""
STOREFRONT_SCOPES = (RECOMMENDATIONS_READ, EVENTS_WRITE)
"""What the storefront's page does."""
