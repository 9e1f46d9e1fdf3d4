"""Events: what happens in a run, told to whoever listens as it happens; never a name, an address or a number."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from importer.model.clock import Clock
from importer.model.operation import Answer, Operation

# At (seconds since the epoch), run, event, facts. Called on the event loop: it must not wait.
Listener = Callable[[float, str | None, str, dict[str, Any]], None]

_about: ContextVar[Operation | None] = ContextVar("about", default=None)


def about(operation: Operation) -> None:
    """The calls that this task makes from here on are for this operation, until it names another."""
    _about.set(operation)


@dataclass(slots=True)
class Events:
    """What one run tells; nobody listens to it unless somebody was named."""

    listener: Listener | None = None
    run: str | None = None
    clock: Clock = field(default_factory=Clock)

    def tell(self, event: str, **facts: Any) -> None:
        if self.listener is not None:
            self.listener(self.clock.now(), self.run, event, facts)

    def call(self, action: str, answer: Answer, seconds: float) -> None:
        """One call on the wire; ``operation`` and ``contact`` (the ledger's number) where it was for one."""
        if self.listener is None:
            return
        operation = _about.get()
        self.tell(
            "call",
            action=action,
            operation=None if operation is None else operation.kind.value,
            contact=None if operation is None else operation.contact,
            code=answer.code,
            outcome=answer.outcome.value,
            http_status=answer.status,
            request_id=answer.request_id,
            seconds=round(seconds, 6),
        )
