"""Keep a directory in step with a file: adds, updates field by field, deletes and who is protected from them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from importer.directory import Listed
from importer.ledger.values import Observed, Staging, Step
from importer.model.finding import Severity
from importer.model.operation import Kind, State
from importer.sheet import Sheet
from importer.stage.check import Checked
from importer.stage.dedupe import OnClash
from importer.stage.edits import edits
from importer.stage.guard import Held, distrust, excess
from importer.stage.leavers import due, leavers, protected
from importer.stage.match import HELD, Matched, corrected, match, there
from importer.stage.plan import listed_frame
from importer.stage.plan import plan as planned
from importer.stage.terms import Edit, Leaver, Spared, Terms

FEW = 3  # contacts of ours: fewer may well have been deleted by hand


@dataclass(frozen=True, slots=True)
class Wish:
    """The file: read, checked, and what its last sync knew of it (``before``: its rows then)."""

    sheet: Sheet
    checked: Checked
    options: str
    on_clash: OnClash
    modified: float | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Sync:
    """What a file asks of a directory, ready to be staged and planned."""

    staging: Staging
    observed: Observed
    findings: pl.DataFrame
    rows: dict[str, int]
    adds: tuple[dict[str, Any], ...]  # name, email_address, line
    adopts: tuple[dict[str, Any], ...]
    updates: tuple[Edit, ...]
    deletes: tuple[Leaver, ...]
    spared: tuple[Spared, ...]
    learned: tuple[Step, ...]  # what the directory shows already, and mails to be sent again
    unchanged: int
    held: Held | None = None
    candidates: tuple[Leaver, ...] = field(default=())  # all who are missing

    @property
    def steps(self) -> list[Step]:
        """For `Ledger.intend`."""
        updates = [Step(edit.key, Kind.UPDATE, edit.wanted, edit.line) for edit in self.updates]
        deletes = [Step(one.key, Kind.DELETE, {}, n) for n, one in enumerate(self.deletes)]
        return [*deletes, *updates, *self.learned]


def estranged(known: pl.DataFrame, listed: Sequence[Listed]) -> int:
    """How many contacts of the ledger the directory should list, if it lists none of them; else 0.

    Fewer than `FEW` may have been deleted by hand; more tell of another account, or of an empty one.
    """
    ours = set(known.filter(pl.col("state").is_in(HELD) & pl.col("contact_id").is_not_null())["contact_id"])
    return len(ours) if len(ours) >= FEW and not ours & {one.contact_id for one in listed} else 0


def sync(wish: Wish, known: pl.DataFrame, listed: Sequence[Listed], terms: Terms) -> Sync:
    """``known``: the ledger's contacts; ``listed``: the directory, with what waits to be verified."""
    file, listing = wish.sheet.file, there(listed)
    ledger, states = corrected(known, listing)
    names = taken(wish, ledger, listed)
    plan = planned(wish.sheet, wish.checked, ledger, listed, options=wish.options, on_clash=wish.on_clash, held=names)
    found = match(plan.staging.contacts, ledger, listing, file=file, renames=terms.renames)
    updates, learned, spared = edits(found, terms)
    known_keys = set(ledger.filter(pl.col("state").is_in([*HELD, "waiting"]))["key"])
    missed, strangers, nameless = leavers(found, known_keys, terms)
    # An error in a row of another directory counts: nobody can tell whose row it was meant to be.
    errors = plan.deduped.findings.filter(pl.col("severity") == Severity.ERROR.value).height + wish.checked.elsewhere
    suspect = distrust(wish.checked.height, wish.before, errors, terms.max_shrink)
    late = [one for one in missed if due(one, terms)]
    ours = sum(part.filter(pl.col("stranger") == 0).height for part in (found.missing, found.pairs))
    guard = (suspect or excess(len(late), ours, terms.max_deletes)) if terms.delete and missed else None
    missing = {one.key for one in missed if suspect is None or one.since is not None}
    deletes = tuple(late) if terms.delete and not guard else ()
    return Sync(
        staging=replace(
            _linked(plan.staging, found),
            modified=wish.modified,
            synced=wish.checked.height if suspect is None else None,
        ),
        observed=Observed(states, [one for one in strangers if one.values.key in missing], sorted(missing)),
        findings=plan.deduped.findings,
        rows=plan.rows,
        adds=_rows(found.rest),
        adopts=_rows(found.adopts),
        updates=updates,
        deletes=deletes,
        spared=(*spared, *nameless, *protected(missed, deletes, guard, terms)),
        learned=(*learned, *_again(found, states)),
        unchanged=found.pairs.height + found.adopts.height - len(updates),
        held=replace(guard, deletes=len(late)) if guard else None,
        candidates=tuple(missed),
    )


def taken(wish: Wish, known: pl.DataFrame, listed: Sequence[Listed]) -> pl.DataFrame:
    """The names that the file may not overwrite, as `dedupe` takes them: those of other files and of strangers.

    Of the file's own contacts those are told that it still has with their address, and those whose name it has no
    more: so of two rows of one name the contact's own keeps it, and an appended letter stays the same.
    """
    file, rows = wish.sheet.file, wish.checked.contacts
    columns = ["key", "name", "email_address", "phone_number", "title", "message_types", "place", "file", "line"]
    ledger = known.with_columns(place=pl.lit("ledger"), line=pl.col("line").cast(pl.UInt32))
    held = ledger.filter(pl.col("state").is_in(HELD))
    others = ledger.filter(pl.col("state").is_in([*HELD, "waiting"]) & (pl.col("file") != file))
    mine = held.filter(pl.col("file").is_null() | (pl.col("file") == file))
    mine = mine.with_columns(mail=pl.col("email_address").str.to_lowercase())
    said = rows.with_columns(mail=pl.col("email_address").str.to_lowercase()).unique(
        ["key", "mail"], keep="first", maintain_order=True
    )
    same = mine.drop("phone_number", "title", "message_types").join(
        said.select("key", "mail", "phone_number", "title", "message_types"), on=["key", "mail"], how="inner"
    )
    away = mine.filter(~pl.col("key").is_in(rows["key"].implode())) if wish.on_clash == "suffix" else mine.clear()
    ours = {one for one in known.filter(pl.col("state").is_in(HELD))["contact_id"] if one is not None}
    strange = listed_frame([one for one in listed if one.contact_id not in ours])
    strange = strange.filter(~pl.col("key").is_in(held["key"].implode())).unique("key", keep="first")
    return pl.concat([part.select(columns) for part in (others, same, away, strange)])


def _linked(staging: Staging, found: Matched) -> Staging:
    """Each row with the key under which the ledger holds its contact, where that is another one."""
    renamed = found.pairs.filter(pl.col("was") != pl.col("key")).select("key", "was")
    contacts = staging.contacts.drop("was").join(renamed, on="key", how="left", maintain_order="left")
    return replace(staging, contacts=contacts)


def _rows(frame: pl.DataFrame) -> tuple[dict[str, Any], ...]:
    return tuple(frame.select("name", "email_address", "line").to_dicts())


def _again(found: Matched, states: dict[int, State]) -> list[Step]:
    """A mail for each contact that failed although it is there, and waits to be verified."""
    back = [number for number, state in states.items() if state is State.ADDED]
    rows = found.pairs.filter(pl.col("contact").is_in(back)).select("was", "line").iter_rows()
    return [Step(key, Kind.SEND_EMAIL, {}, line) for key, line in rows]
