"""Spreadsheets that nobody here made, where they lie beside the project; they are no part of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CORPUS = ROOT / ".." / "shared" / "corpus"


def table(path):
    """What ``score.py`` asks of a reader: header texts and rows."""
    from importer.sheet import read

    sheet = read(path)
    return list(sheet.columns), sheet.frame.rows()


@pytest.mark.skipif(not (CORPUS / "score.py").exists(), reason="the corpus is not beside the project")
def test_every_file_of_the_corpus_is_read_acceptably(capsys):
    where = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    done = subprocess.run(
        [sys.executable, str(CORPUS / "score.py"), "test_corpus:table"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": where},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    with capsys.disabled():
        print("\ncorpus:", lines[-1])
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert lines[-1].endswith("total: 46/46")
