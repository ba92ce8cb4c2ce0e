"""``python -m storefront``: the page's server."""

import sys

import uvicorn

from contracts.settings import Settings
from storefront import app
from storefront.credentials import ClientCredentials
from storefront.public_api import PublicApi

ANY_ADDRESS = "0.0.0.0"


def main() -> int:
    settings = Settings()
    if not settings.storefront_client_secret:
        sys.stderr.write("storefront: HEADWATER_STOREFRONT_CLIENT_SECRET is not set; headwater up sets it\n")
        return 2
    auth = ClientCredentials(settings.token_url, settings.storefront_client_id, settings.storefront_client_secret)
    hosts = ["*"] if settings.bind == ANY_ADDRESS else [settings.bind, "localhost"]
    uvicorn.run(
        app.create(PublicApi(settings.gateway_url, auth), hosts),
        host=settings.bind,
        port=settings.storefront_port,
        log_level=settings.log_level,
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
