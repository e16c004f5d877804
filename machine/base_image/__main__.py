"""`python -m machine.base_image IMAGE…`: make base images, and print their names.

    python -m machine.base_image [--check] [--renew] [--root DIR] [--no-cache] busybox|debian|jre …

`--check` makes nothing: exit 0 if all of them are there, 1 if not. What is there already is left alone, unless
`--renew` has it built with today's packages. An interrupted run leaves nothing that the next one has to know of.
"""

import argparse
import signal
import sys
from pathlib import Path

from container_lib.engine.places import root_dir
from container_lib.errors import ContainerError
from machine.base_image import making


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m machine.base_image", description="make base images out of Debian's packages"
    )
    parser.add_argument(
        "--check", action="store_true", help="make nothing: exit 0 if they are there, 1 if not"
    )
    parser.add_argument(
        "--renew", action="store_true", help="build debian and jre again, with today's packages"
    )
    parser.add_argument("--root", type=Path, default=root_dir(), metavar="DIR", help="the engine's directory")
    parser.add_argument("--no-cache", action="store_true", help=f"put nothing into {making.CACHE}")
    parser.add_argument(
        "images", nargs="+", choices=making.NAMES, metavar="IMAGE", help=", ".join(making.NAMES)
    )
    wish = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        if wish.check:
            return 0 if all(making.is_made(name, wish.root) for name in wish.images) else 1
        for name in wish.images:
            cache = None if wish.no_cache else making.default_cache()
            image = making.make(name, wish.root, cache, wish.renew)
            print(f"{image.short_id}  {' '.join(image.names)}", flush=True)
    except (ContainerError, OSError) as error:
        print(f"base_image: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
