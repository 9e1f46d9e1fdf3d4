"""kill -9 at random moments of a run over real sockets: the same command goes on to the end, and the books balance.

KILLS=200 CONTACTS=300 kills that often in runs of that many; SEED=7 draws other moments.
"""

import http.client
import json
import os
import random
import time
from collections import Counter
from contextlib import closing
from urllib.parse import urlsplit

from books import ask, balanced

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "1"))
CONTACTS = int(os.environ.get("CONTACTS", "100"))
IN_A_HISTORY = 6  # kills, at most, until a run is let go to its end
EARLY = 0.25  # of the kills strike by the clock: at start-up, while reading, while staging
STARTED = 2.0  # seconds in which an early kill strikes
FAST = ("--max-contacts", 1000, "--daily-sends", 100_000, "--calls-per-second", 1000)


def test_killed_at_random_moments_every_contact_is_there_once_and_mailed_once(shell, serve):
    server, chance, figures = serve(*FAST), random.Random(SEED), Counter()
    shell.contacts(CONTACTS)
    while figures["kills"] < KILLS:
        figures["histories"] += 1
        ask(server, "POST", "reset")
        ledger = f"{figures['histories']}.db"
        words = ("run", "contacts.csv", "--endpoint", server.banner["url"], "--ledger", ledger, *FAST)
        figures.update(kills=_killed_on_the_way(shell, server, words, chance, figures))
        done = shell.json(*words, code=None)
        books = balanced(server.get("state"), shell.folder / ledger, CONTACTS)
        assert done["exit_code"] == (5 if books.left else 0)
        assert done["contacts"]["sent"] == CONTACTS - books.left
        figures.update(
            contacts=books.contacts,
            mails=books.mails,
            adds_in_doubt=books.add_doubts,
            mails_in_doubt=books.send_doubts,
            extra_mails=books.extra,
            left_to_people=books.left,
        )
    print(json.dumps(figures))
    assert figures["amid_calls"] > 0, "no kill struck while calls were under way"


def _killed_on_the_way(shell, server, words, chance, figures):
    """Runs that are killed, until one comes to its end or enough were; how many."""
    for kill in range(IN_A_HISTORY):
        process = shell.start(*words)
        before = ask(server, "GET", "metrics")["effects"]
        if chance.random() < EARLY:
            time.sleep(chance.uniform(0, STARTED))
        else:
            _wait_for(server, before + chance.randrange(1, max(2, 2 * CONTACTS - before)), process)
            time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.communicate()
        if process.returncode == 0:
            return kill
        after = ask(server, "GET", "metrics")["effects"]
        figures["amid_calls" if before < after else "before_any_call"] += 1
    return IN_A_HISTORY


def _wait_for(server, effects, process):
    """Until so much was done in the directory, or the run is over."""
    with closing(http.client.HTTPConnection(urlsplit(server.banner["url"]).netloc, timeout=30)) as wire:
        while process.poll() is None:
            wire.request("GET", "/_emulator/metrics")
            if json.load(wire.getresponse())["effects"] >= effects:
                return
            time.sleep(0.01)
