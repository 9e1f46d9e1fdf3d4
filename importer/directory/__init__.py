"""The directory's API from a client's side; the only room that knows HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from importer.model.operation import Answer

Parameters = Mapping[str, str | int | tuple[str, ...] | None]


class Caller(Protocol):
    """Whoever makes one call and says what came of it; never raises for what network or API did."""

    async def call(self, action: str, parameters: Parameters) -> Answer:
        """One attempt, never repeated here: repeating is a decision of submit."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A contact as the directory lists it; ``status`` is Verifying, Active or Deleting."""

    contact_id: str
    name: str
    email_address: str
    phone_number: str | None
    title: str
    message_types: tuple[str, ...]
    status: str
    pending: tuple[str, ...] = ()  # addresses and numbers that wait to be verified, where they were asked for
