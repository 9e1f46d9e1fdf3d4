"""Runs the benchmarks, prints their tables, keeps them as JSON, and tells when a ratio has fallen.

python -m benchmarks                          all of them
python -m benchmarks submit serial            these
python -m benchmarks --quick                  small ones; ends with 1 when a ratio is a third worse than the one kept
python -m benchmarks soak --count 1000000     of another size
python -m benchmarks --out results.json       for `python -m benchmarks.readme results.json`
"""

import argparse
import importlib
import json
import pkgutil
import sys
import time
from pathlib import Path
from types import ModuleType

import benchmarks
from benchmarks.machine import machine
from benchmarks.table import Goal, Size, Table

KEPT = Path(__file__).with_name("ratios.json")


def found() -> dict[str, ModuleType]:
    """The modules that measure something, by name."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "measure")}


def watched(table: Table) -> dict[str, Goal]:
    return {goal.name: goal for goal in table.goals if goal.watched}


def fallen(table: Table, kept: dict[str, float]) -> list[str]:
    """The ratios that are a third worse than those kept."""
    return [name for name, goal in watched(table).items() if name in kept and goal.fallen(kept[name])]


def measured(name: str, module: ModuleType, size: Size, kept: dict[str, float]) -> tuple[Table, list[str]]:
    """A benchmark's table and what has fallen; something that has is measured once more before it counts."""
    began = time.perf_counter()
    table: Table = module.measure(size)
    worse = fallen(table, kept) if size.quick else []
    if worse:
        print(f"{name}: once more, for these have fallen: {', '.join(worse)}", flush=True)
        table = module.measure(size)
        worse = fallen(table, kept)
    print(f"{name}: {table.text()}\n  ({time.perf_counter() - began:.0f} s)\n", flush=True)
    return table, worse


def options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small sizes, compared with the ratios kept")
    parser.add_argument("--rounds", type=int, help="rounds of each")
    parser.add_argument("--count", type=int, help="contacts, rows or calls, in place of each one's own")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep these ratios for quick runs to come")
    return parser.parse_args()


def main() -> int:
    modules = found()
    given = options(sorted(modules))
    size = Size(given.quick, given.rounds, given.count)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    tables, worse = {}, {}
    for name in given.names or sorted(modules):
        tables[name], worse[name] = measured(name, modules[name], size, {} if given.keep else kept.get(name, {}))
    if given.out:
        told = {name: table.as_json() for name, table in tables.items()}
        given.out.write_text(json.dumps({"schema": 1, "machine": machine(), "benchmarks": told}, indent=1) + "\n")
    if given.keep:
        now = {
            name: {key: round(goal.median, 3) for key, goal in watched(table).items()} for name, table in tables.items()
        }
        KEPT.write_text(json.dumps(kept | now, indent=2, sort_keys=True) + "\n")
    for name, ratios in worse.items():
        for ratio in ratios:
            print(f"{name}: {ratio} has fallen by a third from {kept[name][ratio]}", file=sys.stderr)
    return int(any(worse.values()))


if __name__ == "__main__":
    sys.exit(main())
