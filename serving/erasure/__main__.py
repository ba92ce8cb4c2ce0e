"""``python -m serving.erasure``: works on the erasures that were asked for and prints how far they are."""

import json
import sys

import redis

from contracts.errors import HeadwaterError
from serving.erasure.jobs import erase_users


def main() -> int:
    try:
        report = erase_users()
    except (HeadwaterError, redis.RedisError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
