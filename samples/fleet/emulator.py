"""An emulated service with a directory for each name: emulator.py PORT NAME…; acme's key is acme-id, acme-secret."""

import asyncio
import sys

from importer.emulator import Emulator, Key, Limits, serve


def main(port: str, *names: str) -> None:
    """The first line says where; port 0 takes a free one. Served to this machine alone, until stopped."""
    keys = [Key(f"{name}-id", f"{name}-secret", directory=name) for name in names]
    limits = Limits(max_contacts=200, daily_sends=500)  # as importer.toml says
    asyncio.run(serve(Emulator(port=int(port), keys=keys, limits=limits), lambda it: print(it.url, flush=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
