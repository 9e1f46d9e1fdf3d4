"""What a file asks of a directory: which rows go where, what will be done today, what waits and until when; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from importer.directory import Listed
from importer.ledger.values import KNOWN, Staging
from importer.model.clock import Day
from importer.model.contact import LIST_SEPARATOR, fold
from importer.model.operation import State
from importer.sheet import Sheet
from importer.stage.check import Checked
from importer.stage.dedupe import Deduped, OnClash, dedupe

TAKEN = ("key", "name", "email_address", "phone_number", "title", "message_types", "place", "file", "line")
DAYS = 31  # of a schedule that are told
THERE = (State.IN_DOUBT, State.ADDED, State.SENT, State.VERIFIED)  # is, or may be, in the directory


def nothing_known() -> pl.DataFrame:
    """What a ledger that holds nothing knows."""
    return pl.DataFrame(schema={name: getattr(pl, kind)() for name, kind in KNOWN.items()})


def listed_frame(listed: Sequence[Listed]) -> pl.DataFrame:
    """The listing with the columns of names that are taken."""
    rows = [
        (
            fold(one.name),
            one.name,
            one.email_address,
            one.phone_number or None,
            one.title,
            LIST_SEPARATOR.join(one.message_types),
            "directory",
            None,
            None,
        )
        for one in listed
    ]
    schema = dict.fromkeys(TAKEN, pl.String()) | {"line": pl.UInt32()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def taken(known: pl.DataFrame, listed: Sequence[Listed], file: str) -> pl.DataFrame:
    """The names that a file may not overwrite.

    ``known``: the ledger's contacts. One that waits may be changed by the file that asked for it; one that failed or
    was deleted by any; the directory's own word counts where the ledger knows nothing.
    """
    there = pl.col("state").is_in([state.value for state in THERE])
    waits = (pl.col("state") == State.WAITING.value) & (pl.col("file") != file)
    ours = known.filter(there | waits).select(
        *TAKEN[:6], pl.lit("ledger").alias("place"), "file", pl.col("line").cast(pl.UInt32)
    )
    if not listed:
        return ours
    theirs = listed_frame(listed).join(ours.select("key"), on="key", how="anti")
    return pl.concat([ours, theirs.unique("key", keep="first", maintain_order=True)])


@dataclass(frozen=True, slots=True)
class Plan:
    """A file ready to be staged, and what of it is left to do."""

    staging: Staging
    deduped: Deduped
    adds: int  # contacts that neither the ledger nor the directory has
    adopts: int  # contacts that the directory lists with the same name and address
    sends: int  # mails that remain once everything is added
    read: int

    @property
    def rows(self) -> dict[str, int]:
        staging = self.staging
        return {
            "read": self.read,
            "rejected": staging.rejected.height,
            "duplicate": staging.duplicates.height,
            "accepted": staging.contacts.height,
        }


def plan(
    sheet: Sheet,
    checked: Checked,
    known: pl.DataFrame,
    listed: Sequence[Listed],
    *,
    options: str,
    on_clash: OnClash,
    held: pl.DataFrame | None = None,
) -> Plan:
    """``options``: the settings that the file was read with, as JSON; kept with it to tell when to read it again.

    ``held``: the names that it may not overwrite, where they are not those of `taken`.
    """
    held = taken(known, listed, sheet.file) if held is None else held
    deduped = dedupe(checked, on_clash=on_clash, taken=held)
    contacts = _stated(deduped.contacts, known).with_columns(was=pl.lit(None, pl.String))
    if contacts["priority"].min() != contacts["priority"].max():
        contacts = contacts.sort("priority", descending=True, maintain_order=True)  # scarce sends go to these first
    listing = listed_frame(listed).unique("key", keep="first")
    statuses = {one.contact_id: one.status for one in listed}
    adds, adopts, sends = _counts(contacts, listing, statuses, listed)
    told = _told(sheet, deduped.findings)
    staging = Staging(
        file=sheet.file,
        sheet=sheet.name,
        digest=sheet.digest,
        options=options,
        clashes=deduped.clashes,
        contacts=_with(contacts, told),
        rejected=_with(deduped.rejected.to_frame("row").with_columns(line=_lines(sheet, deduped.rejected)), told),
        duplicates=_with(deduped.duplicates, told),
        headers=checked.headers,
    )
    return Plan(staging, deduped, adds, adopts, sends, checked.height)


def _stated(contacts: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """With the state that the ledger knows of each, or null."""
    if known.is_empty():
        return contacts.with_columns(state=pl.lit(None, pl.String))
    return contacts.join(known.select("key", "state"), on="key", how="left", maintain_order="left")


def _lines(sheet: Sheet, rows: pl.Series) -> pl.Series:
    return sheet.lines.gather(rows)


def _counts(
    contacts: pl.DataFrame, listing: pl.DataFrame, statuses: dict[str, str], listed: Sequence[Listed]
) -> tuple[int, int, int]:
    """How many to add, to adopt, and to send a mail to."""
    if not listed and contacts["state"].null_count() == contacts.height:
        return contacts.height, 0, contacts.height
    open_states = [State.WAITING.value, State.FAILED.value, State.DELETED.value]
    todo = contacts.filter(pl.col("state").is_null() | pl.col("state").is_in(open_states))
    adopt = todo.join(listing.select("key"), on="key", how="semi")
    verified = {fold(one.name) for one in listed if statuses[one.contact_id] == "Active"}
    unsent = contacts.filter(
        pl.col("state").is_null() | pl.col("state").is_in([*open_states, State.ADDED.value, State.IN_DOUBT.value])
    )
    already = unsent.filter(pl.col("key").is_in(list(verified))).height
    return todo.height - adopt.height, adopt.height, unsent.height - already


def _told(sheet: Sheet, findings: pl.DataFrame) -> pl.DataFrame:
    """Per row that has any: its findings as a JSON list, and its cells as written, a JSON object by header."""
    told = findings.filter(pl.col("row").is_not_null())
    if told.is_empty():
        return pl.DataFrame(schema={"row": pl.UInt32, "findings": pl.String, "cells": pl.String})
    grouped = told.group_by("row").agg(
        pl.struct("rule", "severity", "column", "value", "message", "hint", "suggestion")
        .struct.json_encode()
        .str.join(",")
        .alias("findings")
    )
    cells = sheet.frame[grouped["row"]].select(pl.struct(pl.all()).struct.json_encode().alias("cells"))
    return pl.concat([grouped.with_columns(pl.format("[{}]", "findings").alias("findings")), cells], how="horizontal")


def _with(rows: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    if told.is_empty():
        return rows.with_columns(pl.lit(None, pl.String).alias(name) for name in ("findings", "cells"))
    return rows.join(told, on="row", how="left", maintain_order="left")


@dataclass(frozen=True, slots=True)
class Wait:
    """Work that waits: how many operations, for which setting's sake, until when (seconds; ``None``: unknown)."""

    kind: str
    count: int
    reason: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do now and when the last mail would go out (``None``: places are missing)."""

    free_places: int | None
    sends_left: int
    adds: int
    sends: int
    waits: tuple[Wait, ...]
    finished_on: date | None
    schedule: tuple[tuple[date, int], ...] = ()  # mails of each day that has any, at most `DAYS` days


def forecast(
    adds: int, sends: int, *, free: int | None, left: int, daily_sends: int, day: Day, day_zone: str
) -> Forecast:
    """``free``: places left in the directory (``None``: not asked); ``left``: sends of ``day``, which is today's."""
    places = adds if free is None else min(adds, free)
    homeless = adds - places
    sendable = sends - homeless
    today = min(sendable, left)
    waits = []
    if homeless:
        waits.append(Wait("add", homeless, "max-contacts", None))
    if sendable > today:
        waits.append(Wait("send_email_verification", sendable - today, "daily-sends", day.end))
    begins = datetime.fromtimestamp(day.start, UTC).astimezone(ZoneInfo(day_zone)).date()
    finished = None if homeless else _finish(begins, sendable - today, daily_sends)
    return Forecast(
        free, left, places, today, tuple(waits), finished, _schedule(begins, today, sendable - today, daily_sends)
    )


def _finish(begins: date, later: int, daily_sends: int) -> date | None:
    """The date on which the last of the mails goes out that are ``later`` than the day that ``begins``."""
    if later and not daily_sends:
        return None
    return begins + timedelta(days=math.ceil(later / daily_sends) if later else 0)


def _schedule(begins: date, today: int, later: int, daily_sends: int) -> tuple[tuple[date, int], ...]:
    days = [(begins, today)] if today else []
    number = 0
    while later > 0 and daily_sends and number < DAYS:
        number += 1
        days.append((begins + timedelta(days=number), min(later, daily_sends)))
        later -= daily_sends
    return tuple(days[:DAYS])
