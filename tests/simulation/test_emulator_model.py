"""The directory against a model of it: whatever is done in whatever order, both say the same.

EMULATOR_SEQUENCES sets the number of sequences (a full run is 5000).
"""

import inspect
import os
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from importer.emulator import Limits, Refusal
from importer.emulator.directory import Directory
from importer.emulator.operations import perform

GOOD_NAMES = st.sampled_from(["tom", "Tom", "ann", "张三"])
NAMES = st.one_of(GOOD_NAMES, GOOD_NAMES, GOOD_NAMES, st.sampled_from(["x", "a1", "thirteen-long", ""]))
EMAILS = st.sampled_from(["a@example.com", "b@example.com"])
TARGETS = st.one_of(st.none(), st.none(), st.none(), st.sampled_from(["a@example.com", "d@example.com", "nobody", ""]))
PHONES = st.sampled_from([None, None, "86-13900001234", "1-2025550123"])
PICKS = st.integers(0, 15)
MEMBERS = st.lists(st.sampled_from(["fd-a", "fd-b", "123456"]), min_size=1, max_size=3, unique=True)
MOST, DAILY, MINUTE, MEMBERS_MOST, DAY = 3, 3, 2, 2, 86400


class Model:
    """What the directory should do, in as few words as possible; each verb gives the expected code."""

    def __init__(self):
        self.rows, self.sent, self.links, self.now = {}, [], [], 0

    def add(self, name, email, phone):
        for value, bad, field in (
            (name, ("a1", "thirteen-long"), "Name"),
            (name, ("x",), "Name.Length"),
            (email, ("nobody",), "EmailAddress"),
        ):
            if value == "":
                return f"MissingParameter.{field}"
            if value in bad:
                return f"InvalidParameter.{field}"
        if phone and not phone.startswith("86-"):
            return "InvalidParameter.MobileCountryCode"
        if name in [row["name"] for row in self.rows.values()]:
            return "InvalidParameter.Name.AlreadyUsed"
        return "LimitExceeded.Contacts" if len(self.rows) >= MOST else "ok"

    def send(self, key, email):
        if email in ("", "nobody"):
            return "MissingParameter.EmailAddress" if email == "" else "InvalidParameter.EmailAddress"
        if key not in self.rows:
            return "EntityNotExists.Contact"
        if self.rows[key]["pending"] != email or self.rows[key]["gone_at"] is not None:
            return "EntityNotExists.Contact.Verification"
        if sum(at // DAY == self.now // DAY for at, _ in self.sent) >= DAILY:
            return "SendValidateCodeExceedsLimitForAccount"
        fresh = sum(at > self.now - 60 for at, to in self.sent if to == email)
        return "SendValidateCodeTooFrequent" if fresh >= MINUTE else "ok"

    def change(self, key):
        if key not in self.rows:
            return "EntityNotExists.Contact"
        return "ok" if self.rows[key]["gone_at"] is None else "ContactStatusMismatchAction"

    def bind(self, key, members):
        code = self.change(key)
        if code == "ok" and not self.rows[key]["active"]:
            return "ContactStatusMismatchAction"
        many = code == "ok" and len({*self.rows[key]["members"], *members}) > MEMBERS_MOST
        return "LimitExceeded.ContactMembers" if many else code

    def settle(self):
        over = [k for k, row in self.rows.items() if row["gone_at"] is not None and row["gone_at"] <= self.now]
        for key in over:
            del self.rows[key]


class Directories(RuleBasedStateMachine):
    """Keys are the ids that the directory gave; an absent one is among them."""

    @initialize()
    def begin(self):
        limits = Limits(
            max_contacts=MOST,
            daily_sends=DAILY,
            sends_per_address_per_minute=MINUTE,
            members_per_contact=MEMBERS_MOST,
            deletion_time=10,
            day_zone="UTC",
        )
        self.model, self.ids = Model(), ["c-absent"]
        self.directory = Directory(limits, now=lambda: float(self.model.now), random=Random(1))

    def ask(self, action, **values):
        self.model.settle()
        try:
            return "ok", perform(self.directory, action, {k: v for k, v in values.items() if v is not None})
        except Refusal as refusal:
            return refusal.code, {}

    def key(self, pick):
        """Mostly a contact that is there, sometimes any that ever was, or none."""
        keys = list(self.model.rows) if pick and self.model.rows else self.ids
        return keys[pick % len(keys)]

    @rule(name=NAMES, email=EMAILS, phone=PHONES)
    def add(self, name, email, phone):
        values = {"Name": name, "EmailAddress": email, "PhoneNumber": phone}
        code, body = self.ask("AddMessageContact", **values, Title="CEO", MessageTypes=["FaultMessage"])
        assert code == self.model.add(name, email, phone)
        if code == "ok":
            key = body["Contact"]["ContactId"]
            row = {"name": name, "email": email, "pending": email, "active": False, "gone_at": None, "members": []}
            self.model.rows[key] = row
            self.ids.append(key)

    @rule(pick=PICKS, to=TARGETS, times=st.integers(1, 3))
    def send(self, pick, to, times):
        key = self.key(pick)
        row = self.model.rows.get(key, {})
        email = (row.get("pending") or "a@example.com") if to is None else to
        for _ in range(times):
            code, _ = self.ask("SendEmailVerificationForMessageContact", ContactId=key, EmailAddress=email)
            assert code == self.model.send(key, email)
            if code == "ok":
                self.model.sent.append((self.model.now, email))
                self.model.links.append({"key": key, "email": email, "sent": self.model.now, "followed": False})

    @precondition(lambda self: self.model.links)
    @rule(pick=PICKS)
    def follow(self, pick):
        number = -1 - min(pick // 2, len(self.model.links) - 1)  # mostly one of the last
        link = self.model.links[number]
        row = self.model.rows.get(link["key"])
        young = self.model.now < link["sent"] + DAY
        good = row is not None and (link["followed"] or (young and row["pending"] == link["email"]))
        try:
            self.directory.follow(list(self.directory.mails)[number])
        except Refusal:
            assert not good
            return
        assert good
        if not link["followed"]:
            row.update(pending=None, email=link["email"], active=row["active"] or row["gone_at"] is None)
        link["followed"] = True

    @rule(pick=PICKS, name=st.sampled_from(["tom", "kim", None]), email=st.one_of(st.none(), EMAILS))
    def update(self, pick, name, email):
        key = self.key(pick)
        code, _ = self.ask("UpdateMessageContact", ContactId=key, Name=name, EmailAddress=email)
        expected = self.model.change(key)
        if expected == "ok" and name in [row["name"] for k, row in self.model.rows.items() if k != key]:
            expected = "InvalidParameter.Name.AlreadyUsed"
        assert code == expected
        if code == "ok":
            row = self.model.rows[key]
            row["name"] = name or row["name"]
            verified = row["pending"] != row["email"]
            if email and email != row["email"]:
                row.update(pending=email, email=row["email"] if verified else email)
            elif email and verified:
                row["pending"] = None

    @rule(pick=PICKS)
    def cancel(self, pick):
        key = self.key(pick)
        code, _ = self.ask("CancelMessageContactUpdate", ContactId=key)
        expected = self.model.change(key)
        if expected == "ok":
            row = self.model.rows[key]
            changes = row["pending"] not in (None, row["email"])
            expected = "ok" if changes else "ContactStatusMismatchAction"
        assert code == expected
        if code == "ok":
            self.model.rows[key]["pending"] = None

    @rule(pick=PICKS, retain=st.sampled_from(["true", "False", None]))
    def delete(self, pick, retain):
        key = self.key(pick)
        code, body = self.ask("DeleteMessageContact", ContactId=key, RetainContactInMembers=retain)
        assert code == ("ok" if key in self.model.rows else "EntityNotExists.Contact")
        if code == "ok" and retain == "False":
            row = self.model.rows[key]
            row["gone_at"] = row["gone_at"] if row["gone_at"] is not None else self.model.now + 10
        elif code == "ok":
            del self.model.rows[key]
            assert body["Status"] == "Deleted"

    @rule(pick=PICKS, members=MEMBERS)
    def associate(self, pick, members):
        key = self.key(pick)
        code, _ = self.ask("AssociateMembers", ContactId=key, Members=members)
        assert code == self.model.bind(key, members)
        if code == "ok":
            row = self.model.rows[key]
            row["members"] += [member for member in members if member not in row["members"]]

    @rule(pick=PICKS, members=MEMBERS)
    def disassociate(self, pick, members):
        key = self.key(pick)
        code, _ = self.ask("DisassociateMembers", ContactId=key, Members=members)
        expected = self.model.change(key)
        if expected == "ok" and not {*members} <= {*self.model.rows[key]["members"]}:
            expected = "InvalidMember"
        assert code == expected
        if code == "ok":
            row = self.model.rows[key]
            row["members"] = [member for member in row["members"] if member not in members]

    @rule(seconds=st.sampled_from([1, 9, 59, 3600, DAY - 1]))
    def wait(self, seconds):
        self.model.now += seconds

    @invariant()
    def the_listing_is_the_model(self):
        code, body = self.ask("ListMessageContacts", PageSize="100")
        assert code == "ok"
        listed = {row["ContactId"]: row for row in body["Contacts"]}
        assert list(listed) == list(self.model.rows)
        for key, row in self.model.rows.items():
            status = "Deleting" if row["gone_at"] is not None else "Active" if row["active"] else "Verifying"
            seen = listed[key]
            assert (seen["Name"], seen["EmailAddress"], seen["Status"]) == (row["name"], row["email"], status)
            assert seen["Members"] == row["members"]
            assert self.directory.contacts[key].pending.get("email") == row["pending"]
        assert len(self.directory.mails) == len(self.model.sent)


SEQUENCES = int(os.environ.get("EMULATOR_SEQUENCES", "300"))
TestDirectories = Directories.TestCase
TestDirectories.settings = settings(
    max_examples=SEQUENCES, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_the_model_is_small():
    """A model as large as the thing that it checks would have the same mistakes."""
    assert len(inspect.getsource(Model).splitlines()) <= 60
