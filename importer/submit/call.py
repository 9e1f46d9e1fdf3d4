"""What the call for an operation says; pure."""

from importer.directory import Parameters
from importer.model.contact import API_NAMES, LIST_SEPARATOR
from importer.model.operation import Kind, Operation


def parameters(operation: Operation, *, from_members: bool = False) -> Parameters:
    """What the call says; an empty phone number is left out, for the API refuses an empty one."""
    values = operation.values
    if operation.kind is Kind.DELETE:
        retain = {"RetainContactInMembers": "false"} if from_members else {}
        return {"ContactId": operation.contact_id, **retain}
    if operation.kind is Kind.UPDATE:
        return {"ContactId": operation.contact_id, **_changed(operation)}
    if operation.kind is Kind.ADD:
        return {
            "Name": values.name,
            "EmailAddress": values.email_address,
            "PhoneNumber": values.phone_number or None,
            "Title": values.title,
            "MessageTypes": values.message_types,
        }
    if operation.kind is Kind.SEND_PHONE:
        return {"ContactId": operation.contact_id, "PhoneNumber": values.phone_number}
    return {"ContactId": operation.contact_id, "EmailAddress": values.email_address}


def target(operation: Operation) -> str | None:
    """Whom a send goes to; ``None`` for what is no send."""
    if operation.kind is Kind.SEND_EMAIL:
        return operation.values.email_address
    return operation.values.phone_number if operation.kind is Kind.SEND_PHONE else None


def _changed(operation: Operation) -> dict[str, str | tuple[str, ...] | None]:
    new = {name: pair[1] for name, pair in operation.wanted.items()}
    said: dict[str, str | tuple[str, ...] | None] = {API_NAMES[name]: value for name, value in new.items()}
    if types := new.get("message_types"):
        said[API_NAMES["message_types"]] = tuple(types.split(LIST_SEPARATOR))
    return said
