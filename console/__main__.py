"""``python -m console``: the operator's console on its own port."""

import uvicorn

from console.app import create
from console.service import Console
from contracts.settings import Settings


def main() -> None:
    """Serves until a signal ends it."""
    settings = Settings()
    uvicorn.run(
        create(Console(settings)),
        host=settings.bind,
        port=settings.console_port,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
