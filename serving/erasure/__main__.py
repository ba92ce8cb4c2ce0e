"""``python -m serving.erasure``: carries out the erasures that were asked for and prints how many."""

import sys

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from lake.store import Lake
from serving.erasure.job import erase_waiting
from serving.erasure.ledger import Ledger


def main() -> int:
    settings = Settings()
    lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
    try:
        done = erase_waiting(Ledger(settings.home / "erasures"), lake, settings.now())
    except HeadwaterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(done)} users erased, {sum(sum(one.tables.values()) for one in done)} rows removed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
