"""``python -m serving.model_server``: serves what ``<home>/model_server/models.config`` names, by default every
version under ``<home>/models``."""

import logging
import signal
import sys

from contracts.errors import HeadwaterError
from contracts.release import SERVING_MODELS
from contracts.settings import Settings
from serving.model_server.config import write_default
from serving.model_server.server import ModelServer


def main() -> int:
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = settings.home / "model_server" / "models.config"
    write_default(config, settings.home / "models", SERVING_MODELS)
    try:
        server = ModelServer(config, f"{settings.bind}:{settings.model_server_port}")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server.start()
    except (HeadwaterError, OSError) as error:
        print(f"model server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    logging.getLogger(__name__).info("serving on %s", server.address)
    try:
        server.wait()
    except (KeyboardInterrupt, SystemExit):
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
