"""A directory's state and rules, pure: the clock and the random source are arguments, nothing is read or sent."""

import datetime as dt
from base64 import b64encode
from collections.abc import Callable, Iterable
from random import Random
from zoneinfo import ZoneInfo

from importer.emulator.contact import ACTIVE, DELETING, EMAIL, PHONE, VERIFYING, Contact, Mail
from importer.emulator.errors import Refusal
from importer.emulator.journal import Journal
from importer.emulator.limits import Limits
from importer.emulator.sends import Sends

_FOR_EVER = 10 * 365 * 86400.0


class Directory:
    """One resource directory. Verbs take checked values, change the state and raise `Refusal`.

    ``now`` gives seconds since the epoch; ``random`` makes ids and tokens. The outbox keeps its last ``mails_kept``.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        now: Callable[[], float],
        random: Random,
        journal: Journal | None = None,
        name: str = "default",
        mails_kept: int = 100_000,
    ) -> None:
        self.name = name
        self.limits = limits
        self.now = now
        self.journal = journal or Journal()
        self.contacts: dict[str, Contact] = {}
        self.mails: dict[str, Mail] = {}
        self.sends: dict[str, Sends] = {}
        self.request_id = ""
        self._random = random
        self._names: dict[str, str] = {}
        self._deleting: set[str] = set()
        self._mails_kept = mails_kept
        self._zone = ZoneInfo(limits.day_zone)
        self._written = (-1, "")  # the last second that was written as a date

    def adjust(self, limits: Limits) -> None:
        """Take other limits from now on; what is there already stays."""
        self.limits = limits
        self._zone, self._written = ZoneInfo(limits.day_zone), (-1, "")
        self._names = {self._key(contact.name): contact.id for contact in self.contacts.values()}
        mails, self.mails, self.sends = self.mails, {}, {}
        for mail in mails.values():
            self._file(mail)

    def restore(self, contacts: Iterable[Contact], mails: Iterable[Mail]) -> None:
        """Take up what an earlier life held, both in the order of their making."""
        self.contacts = {contact.id: contact for contact in contacts}
        self.mails, self.sends = {}, {}
        self._names = {self._key(contact.name): contact.id for contact in self.contacts.values()}
        self._deleting = {contact.id for contact in self.contacts.values() if contact.status == DELETING}
        for mail in mails:
            self._file(mail)

    # -- contacts

    def add(self, name: str, email: str, phone: str | None, title: str, message_types: tuple[str, ...]) -> Contact:
        """A new contact, waiting to be verified; no mail is sent."""
        if self._key(name) in self._names:
            raise Refusal("InvalidParameter.Name.AlreadyUsed")
        if len(self.contacts) >= self.limits.max_contacts:
            raise Refusal("LimitExceeded.Contacts")
        now = self.now()
        contact = Contact(self._id(), self.journal.next(), name, email, phone, title, message_types, now)
        contact.pending = {EMAIL: email} if phone is None else {EMAIL: email, PHONE: phone}
        self.contacts[contact.id] = contact
        self._names[self._key(name)] = contact.id
        self._keep(contact, "AddMessageContact", Name=name, EmailAddress=email)
        return contact

    def get(self, contact_id: str) -> Contact:
        contact = self.contacts.get(contact_id)
        if contact is None:
            raise Refusal("EntityNotExists.Contact")
        return contact

    def listed(self, contact_id: str | None = None, member: str | None = None) -> list[Contact]:
        """In the order of their making, without those too young to be listed."""
        if contact_id is not None:
            found = [self.contacts[contact_id]] if contact_id in self.contacts else []
        else:
            found = list(self.contacts.values())
        if member is not None:
            found = [contact for contact in found if member in contact.members]
        if self.limits.list_lag:
            newest = self.now() - self.limits.list_lag
            found = [contact for contact in found if contact.created <= newest]
        return found

    def update(
        self,
        contact_id: str,
        name: str | None,
        targets: dict[str, str],
        title: str | None,
        message_types: tuple[str, ...] | None,
    ) -> None:
        """Name, title and types change at once; ``targets`` (address, number by channel) wait to be verified."""
        contact = self._changeable(contact_id)
        if name is not None and self._names.get(self._key(name), contact.id) != contact.id:
            raise Refusal("InvalidParameter.Name.AlreadyUsed")
        if name is not None:
            del self._names[self._key(contact.name)]
            self._names[self._key(name)] = contact.id
        contact.name = name if name is not None else contact.name
        contact.title = title if title is not None else contact.title
        contact.message_types = message_types if message_types is not None else contact.message_types
        for channel, target in targets.items():
            contact.retarget(channel, target)
        self._keep(contact, "UpdateMessageContact", Name=contact.name)

    def cancel(self, contact_id: str, targets: dict[str, str]) -> None:
        """Drop pending changes: those named, or all if none is named."""
        contact = self._changeable(contact_id)
        current = {EMAIL: contact.email, PHONE: contact.phone}
        changes = {key: to for key, to in contact.pending.items() if current[key] not in (None, to)}
        if not changes or any(changes.get(channel) != target for channel, target in targets.items()):
            raise Refusal("ContactStatusMismatchAction")
        for channel in targets or changes:
            del contact.pending[channel]
        self._keep(contact, "CancelMessageContactUpdate")

    def delete(self, contact_id: str, *, retain: bool) -> str:
        """``Deleted`` at once, or ``Deleting`` for a while when members have to let go of it."""
        contact = self.get(contact_id)
        if retain:
            self._remove(contact, "DeleteMessageContact")
            return "Deleted"
        if contact.status != DELETING:
            contact.failures = ()
            contact.status, contact.deleted_at = DELETING, self.now() + self.limits.deletion_time
            self._deleting.add(contact.id)
            self._keep(contact, "DeleteMessageContact")
        return DELETING

    def settle(self) -> None:
        """Finish the deletions whose time has come."""
        if not self._deleting:
            return
        now, self.request_id = self.now(), ""
        due = [c for c in map(self.contacts.__getitem__, self._deleting) if (c.deleted_at or 0) <= now]
        for contact in sorted(due, key=lambda contact: contact.seq):
            clinging = tuple(member for member in contact.members if member in self.limits.clinging_members)
            if not clinging:
                self._remove(contact, "DeletionFinished")
                continue
            self._deleting.discard(contact.id)
            contact.failures, contact.deleted_at = clinging, None
            contact.status = VERIFYING if contact.pending.get(EMAIL) == contact.email else ACTIVE
            self._keep(contact, "DeletionFailed")

    # -- verification

    def send(self, contact_id: str, channel: str, target: str) -> Mail:
        """Send a link to an address or number that waits to be verified."""
        contact = self.get(contact_id)
        if contact.pending.get(channel) != target or contact.status == DELETING:
            raise Refusal("EntityNotExists.Contact.Verification")
        now, day = self.now(), self.day()
        sends = self.sends.setdefault(channel, Sends())
        if sends.today(now, day, self.limits) >= self.limits.daily_sends:
            raise Refusal("SendValidateCodeExceedsLimitForAccount")
        most = self.limits.sends_per_address_per_minute
        if most and sends.last_minute(target, now) >= most:
            raise Refusal("SendValidateCodeTooFrequent")
        mail = Mail(
            token=self._letters(18),
            seq=self.journal.next(),
            channel=channel,
            contact=contact_id,
            target=target,
            sent_at=now,
            expires_at=now + (self.limits.link_lifetime or _FOR_EVER),
        )
        self._file(mail)
        self.journal.put(self.name, "mail", mail.token, mail)
        effect = f"Send{channel.title()}VerificationForMessageContact"
        self._note(effect, contact, Target=target)
        return mail

    def follow(self, token: str) -> Contact:
        """A person follows a link: the target is verified and takes effect. Raises `Refusal`."""
        mail = self.mails.get(token)
        if mail is None or mail.contact not in self.contacts:
            raise Refusal("EntityNotExists.Contact.Verification")
        contact = self.contacts[mail.contact]
        if mail.followed_at is not None:
            return contact
        if self.now() >= mail.expires_at or contact.pending.get(mail.channel) != mail.target:
            raise Refusal("EntityNotExists.Contact.Verification")
        mail.followed_at, self.request_id = self.now(), ""
        del contact.pending[mail.channel]
        if mail.channel == EMAIL:
            contact.email = mail.target
            contact.status = ACTIVE if contact.status == VERIFYING else contact.status
        else:
            contact.phone = mail.target
        self.journal.put(self.name, "mail", mail.token, mail)
        self._keep(contact, "VerificationFollowed", Target=mail.target)
        return contact

    def sent_today(self, channel: str = EMAIL) -> int:
        return self.sends[channel].today(self.now(), self.day(), self.limits) if channel in self.sends else 0

    # -- members

    def associate(self, contact_id: str, members: list[str]) -> float:
        contact = self._changeable(contact_id)
        if contact.status != ACTIVE:
            raise Refusal("ContactStatusMismatchAction")
        known = self.limits.known_members
        if known and not set(members) <= set(known):
            raise Refusal("InvalidMember")
        if len(contact.members.keys() | members) > self.limits.members_per_contact:
            raise Refusal("LimitExceeded.ContactMembers")
        most = self.limits.contacts_per_member
        if most and any(self._bound(member, besides=contact) >= most for member in members):
            raise Refusal("QuotaExceeded.Members")
        now = self.now()
        contact.members.update(dict.fromkeys(members, now))
        self._keep(contact, "AssociateMembers", Members=members)
        return now

    def disassociate(self, contact_id: str, members: list[str]) -> float:
        contact = self._changeable(contact_id)
        if not contact.members.keys() >= set(members):
            raise Refusal("InvalidMember")
        for member in members:
            del contact.members[member]
        self._keep(contact, "DisassociateMembers", Members=members)
        return self.now()

    # -- dates

    def date(self, at: float) -> str:
        """``2023-03-27 17:19:21`` in the day's zone, as the API writes a time."""
        second = int(at)
        if second != self._written[0]:
            text = dt.datetime.fromtimestamp(second, self._zone).strftime("%Y-%m-%d %H:%M:%S")
            self._written = (second, text)
        return self._written[1]

    def day(self, at: float | None = None) -> dt.date:
        return dt.datetime.fromtimestamp(self.now() if at is None else at, self._zone).date()

    # -- inside

    def _key(self, name: str) -> str:
        return name if self.limits.names_case_sensitive else name.casefold()

    def _id(self) -> str:
        return f"c-{self._letters(12)}"

    def _letters(self, size: int) -> str:
        """Letters and digits alone, four for every three bytes of chance."""
        return b64encode(self._random.randbytes(size), b"xY").decode()

    def _changeable(self, contact_id: str) -> Contact:
        contact = self.get(contact_id)
        if contact.status == DELETING:
            raise Refusal("ContactStatusMismatchAction")
        return contact

    def _bound(self, member: str, besides: Contact) -> int:
        return sum(member in other.members for other in self.contacts.values() if other is not besides)

    def _remove(self, contact: Contact, effect: str) -> None:
        del self.contacts[contact.id]
        self._names.pop(self._key(contact.name), None)
        self._deleting.discard(contact.id)
        self.journal.drop(self.name, "contact", contact.id)
        self._note(effect, contact, Name=contact.name)

    def _file(self, mail: Mail) -> None:
        self.mails[mail.token] = mail
        if len(self.mails) > self._mails_kept:
            del self.mails[next(iter(self.mails))]
        sends = self.sends.setdefault(mail.channel, Sends())
        sends.add(mail.sent_at, self.day(mail.sent_at), mail.target, self.limits)

    def _keep(self, contact: Contact, effect: str, **details: object) -> None:
        self.journal.put(self.name, "contact", contact.id, contact)
        self._note(effect, contact, **details)

    def _note(self, effect: str, contact: Contact, **details: object) -> None:
        self.journal.note(self.name, effect, self.now(), ContactId=contact.id, **details, RequestId=self.request_id)
