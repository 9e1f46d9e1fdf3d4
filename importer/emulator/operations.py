"""The twelve operations: from the parameters of a call to the body of its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from importer.emulator import fields
from importer.emulator.contact import DELETING, EMAIL, PHONE
from importer.emulator.directory import Directory
from importer.emulator.errors import Refusal
from importer.emulator.fields import Parameters, Values

Body = dict[str, Any]
_PAGES = 10**9


@dataclass(frozen=True, slots=True)
class Operation:
    """``check`` looks at the parameters alone and returns the deed; ``writes``: one at a time in a directory."""

    check: Callable[[Directory, Parameters], Callable[[], Body]]
    writes: bool = False


def perform(directory: Directory, action: str, values: Values, request_id: str = "") -> Body:
    """Do one operation at once. Raises `Refusal`."""
    if action not in OPERATIONS:
        raise Refusal("InvalidAction.NotFound")
    directory.settle()
    deed = OPERATIONS[action].check(directory, Parameters(values))
    directory.request_id = request_id
    return deed()


def _add(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    limits = directory.limits
    name = fields.name(fields.required(parameters, "Name"), limits)
    email = fields.email(fields.required(parameters, "EmailAddress"), limits)
    phone = fields.optional(parameters, "PhoneNumber")
    if phone is not None:
        fields.phone(phone)
    title = fields.title(fields.required(parameters, "Title"))
    types = parameters.many("MessageTypes")
    if not types:
        raise Refusal("MissingParameter.MessageTypes")
    message_types = fields.message_types(types)

    def deed() -> Body:
        contact = directory.add(name, email, phone, title, message_types)
        return {"Contact": {"ContactId": contact.id, "CreateDate": directory.date(contact.created)}}

    return deed


def _send(channel: str, field: str) -> Callable[[Directory, Parameters], Callable[[], Body]]:
    def check(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
        contact_id = fields.contact_id(parameters)
        target = _target(directory, channel, fields.required(parameters, field))

        def deed() -> Body:
            directory.send(contact_id, channel, target)
            return {}

        return deed

    return check


def _target(directory: Directory, channel: str, value: str) -> str:
    if channel == PHONE:
        return fields.phone(value)
    try:
        return fields.email(value, directory.limits)
    except Refusal:  # only Add knows a code for one that is too long
        raise Refusal("InvalidParameter.EmailAddress") from None


def _get(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    contact_id = fields.contact_id(parameters)
    return lambda: {"Contact": directory.get(contact_id).view(directory.date)}


def _list(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    contact_id = fields.contact_id(parameters) if parameters.text("ContactId") else None
    member = parameters.text("Member") or None
    if member is not None:
        fields.member(member, directory.limits)
    number, size = _page(directory, parameters)

    def deed() -> Body:
        found = directory.listed(contact_id, member)
        page = found[(number - 1) * size : number * size]
        rows = []
        for contact in page:
            row = contact.view(directory.date)
            if contact.members:
                row["AssociatedDate"] = directory.date(max(contact.members.values()))
            rows.append(row)
        return {"TotalCount": len(found), "PageSize": size, "PageNumber": number, "Contacts": rows}

    return deed


def _verifications(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    contact_id = fields.contact_id(parameters) if parameters.text("ContactId") else None
    number, size = _page(directory, parameters)

    def deed() -> Body:
        found = [
            {"ContactId": contact.id, "Target": target}
            for contact in directory.listed(contact_id)
            for target in contact.pending.values()
        ]
        page = found[(number - 1) * size : number * size]
        return {
            "TotalCount": len(found),
            "PageSize": size,
            "PageNumber": number,
            "ContactVerifications": page,
        }

    return deed


def _page(directory: Directory, parameters: Parameters) -> tuple[int, int]:
    limits = directory.limits
    size = parameters.number("PageSize", min(limits.page_size, limits.page_size_max), limits.page_size_max)
    return parameters.number("PageNumber", 1, _PAGES), size


def _update(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    limits = directory.limits
    contact_id = fields.contact_id(parameters)
    name = fields.optional(parameters, "Name")
    if name is not None:
        fields.name(name, limits)
    targets = _targets(parameters, directory)
    title = fields.optional(parameters, "Title")
    if title is not None:
        fields.title(title)
    types = parameters.many("MessageTypes")
    message_types = fields.message_types(types) if types else None

    def deed() -> Body:
        directory.update(contact_id, name, targets, title, message_types)
        return {}

    return deed


def _targets(parameters: Parameters, directory: Directory) -> dict[str, str]:
    email = fields.optional(parameters, "EmailAddress")
    phone = fields.optional(parameters, "PhoneNumber")
    found = {EMAIL: fields.email(email, directory.limits)} if email is not None else {}
    return found if phone is None else {**found, PHONE: fields.phone(phone)}


def _cancel(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    contact_id = fields.contact_id(parameters)
    targets = _targets(parameters, directory)

    def deed() -> Body:
        directory.cancel(contact_id, targets)
        return {}

    return deed


def _delete(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    contact_id = fields.contact_id(parameters)
    retain = parameters.flag("RetainContactInMembers", default=True)
    return lambda: {"Status": directory.delete(contact_id, retain=retain)}


def _deletion(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
    contact_id = fields.contact_id(parameters)

    def deed() -> Body:
        contact = directory.get(contact_id)
        if contact.status != DELETING and not contact.failures:
            raise Refusal("EntityNotExists.Contact")  # nobody asked for its deletion
        types = list(contact.message_types)
        status = {
            "ContactId": contact.id,
            "Status": DELETING if contact.status == DELETING else "Failed",
            "FailReasonList": [{"AccountId": member, "MessageTypes": types} for member in contact.failures],
        }
        return {"ContactDeletionStatus": status}

    return deed


def _bind(
    verb: Callable[[Directory, str, list[str]], float],
) -> Callable[[Directory, Parameters], Callable[[], Body]]:
    def check(directory: Directory, parameters: Parameters) -> Callable[[], Body]:
        contact_id = fields.contact_id(parameters)
        members = fields.members(parameters, directory.limits)

        def deed() -> Body:
            at = directory.date(verb(directory, contact_id, members))
            rows = [{"ContactId": contact_id, "MemberId": member, "ModifyDate": at} for member in members]
            return {"Members": rows}

        return deed

    return check


OPERATIONS: dict[str, Operation] = {
    "AddMessageContact": Operation(_add, writes=True),
    "SendEmailVerificationForMessageContact": Operation(_send(EMAIL, "EmailAddress")),
    "SendPhoneVerificationForMessageContact": Operation(_send(PHONE, "PhoneNumber")),
    "ListMessageContacts": Operation(_list),
    "GetMessageContact": Operation(_get),
    "ListMessageContactVerifications": Operation(_verifications),
    "UpdateMessageContact": Operation(_update, writes=True),
    "CancelMessageContactUpdate": Operation(_cancel),
    "DeleteMessageContact": Operation(_delete, writes=True),
    "GetMessageContactDeletionStatus": Operation(_deletion),
    "AssociateMembers": Operation(_bind(Directory.associate), writes=True),
    "DisassociateMembers": Operation(_bind(Directory.disassociate)),
}
