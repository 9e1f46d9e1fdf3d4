"""Guards: when a sync may delete nobody at all, told with the arithmetic; pure."""

from dataclasses import dataclass

FEW, SHARE = 5, 10  # deletes at once: so many, or so many in a hundred, whichever is less
SHRINK = 30.0  # percent of the rows of the last sync that may be gone


@dataclass(frozen=True, slots=True)
class Held:
    """Deletes that are held back as a whole: by which guard, why, and what to do about it."""

    guard: str  # empty, shrunk, errors, max-deletes
    reason: str
    hint: str
    deletes: int = 0


def distrust(rows: int, before: int | None, errors: int, shrink: float = SHRINK) -> Held | None:
    """Why nobody can be called missing for what this file says, if there is a reason.

    ``rows`` of the file, ``before`` at its last sync; ``errors``: findings of severity error; ``shrink`` in percent.
    """
    if not rows:
        return Held("empty", "the file has no row", "look at how it was exported; nothing was deleted")
    if before and (before - rows) * 100 > shrink * before:
        less = f"{(before - rows) * 100 / before:.3g}"
        reason = f"the file has {rows} rows and had {before} at the last sync: {less} % less, and {shrink:g} % may go"
        return Held("shrunk", reason, f"if it is right, say --max-shrink {less}")
    if errors:
        reason = (
            f"the file has {errors} error{'s' if errors > 1 else ''}: a row that is rejected looks like one that left"
        )
        return Held("errors", reason, "correct them: importer check FILE shows each")
    return None


def allowed(held: int) -> int:
    """How many of ``held`` contacts may be deleted at once when nothing else is said."""
    return min(FEW, held * SHARE // 100)


def excess(deletes: int, held: int, most: int | None) -> Held | None:
    """Why so many deletes are too many, if they are; ``held``: contacts that the ledger holds in the directory."""
    limit = allowed(held) if most is None else most
    if deletes <= limit:
        return None
    told = f"the smaller of {FEW} and {SHARE} % of the {held} contacts here" if most is None else "--max-deletes"
    hint = f"if all {deletes} are right, say --max-deletes {deletes}"
    return Held("max-deletes", f"{deletes} contacts would be deleted, and {limit} may be: {told}", hint)
