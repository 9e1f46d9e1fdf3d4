"""A lease's owner: this process lives, one that ended is dead, and nothing is claimed of strangers."""

import subprocess
import sys

from importer.submit import owner

SAY = "from importer.submit import owner; print(owner.name())"


def test_a_living_process_is_not_dead():
    assert not owner.is_dead(owner.name())


def test_a_process_that_ended_is_dead():
    told = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True).stdout.strip()
    assert told != owner.name()
    assert owner.is_dead(told)


def test_a_pid_that_was_given_to_another_process_does_not_bring_the_owner_back():
    head, _, _ = owner.name().rpartition(" ")
    assert owner.is_dead(f"{head} 1")


def test_nothing_is_known_of_another_machine_or_another_form():
    assert not owner.is_dead(owner.name().replace(" pid ", "-elsewhere pid ", 1))
    assert not owner.is_dead("somebody")
