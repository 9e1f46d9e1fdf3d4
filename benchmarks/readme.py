"""Writes the tables of JSON files into README.md: python -m benchmarks.readme results.json…

A benchmark that is in several files counts as in the last one.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.table import Table

README = Path(__file__).with_name("README.md")
MARK = "<!-- results -->"


def told(results: list[dict[str, Any]]) -> str:
    tables = {name: table for result in results for name, table in result["benchmarks"].items()}
    machine = results[-1]["machine"]
    on = (
        f"On {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB of memory, "
        f"{machine['system']}, Python {machine['python']}:"
    )
    texts = "\n\n".join(f"{name}: {Table.of(table).text()}" for name, table in sorted(tables.items()))
    return f"{on}\n\n```\n{texts}\n```\n"


def main() -> None:
    results = [json.loads(Path(file).read_text()) for file in sys.argv[1:]]
    before = README.read_text().partition(MARK)[0]
    README.write_text(f"{before}{MARK}\n\n{told(results)}")


if __name__ == "__main__":
    main()
