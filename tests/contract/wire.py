"""A wire to a server that breaks at a word: before the word has passed, or before its answer comes back."""

import contextlib
import select
import shutil
import socket
import tempfile
import threading
from pathlib import Path

NAME = ".s.PGSQL.5432"


class Wire:
    """Stands on a socket of its own in ``folder`` and passes everything on to the one in the server's."""

    def __init__(self, server):
        self.folder = Path(tempfile.mkdtemp(prefix="wire"))
        self.broken = 0
        self._server = server
        self._word = None
        self._passing = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / NAME))
        self._listener.listen()
        self._threads = []
        self._clients = []

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        for end in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()
        shutil.rmtree(self.folder)

    def breaks(self, word, *, passing):
        """Break once, when ``word`` comes from the client; ``passing``: the server gets it, but its answer is lost."""
        self._word, self._passing = word, passing

    def _spawn(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server / NAME))
                self._spawn(self._pass, client, server)

    def _pass(self, client, server):
        with client, server, contextlib.suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    part = ready.recv(1 << 16)
                    if not part:
                        return
                    if ready is server:
                        client.sendall(part)
                    elif self._word is None or self._word not in part:
                        server.sendall(part)
                    else:
                        self._break(server, part)
                        return

    def _break(self, server, part):
        self._word, self.broken = None, self.broken + 1
        if self._passing:
            server.sendall(part)
            server.recv(1 << 16)
