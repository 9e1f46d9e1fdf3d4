"""Domains looked up: each once, a sure no is a warning, and a network that fails makes no wrong finding."""

import threading

import dns.name
import dns.rdatatype
import dns.resolver
import polars as pl
import pytest

from importer.jobs.domains import AT_ONCE, SURE, asker
from importer.model.contact import Rules
from importer.sheet import Sheet, faults
from importer.sheet.columns import match
from importer.stage.check import check
from importer.stage.delivery import Reach

HEADERS = ("Name", "EmailAddress", "Title", "MessageTypes")


class Exchange:
    def __init__(self, name):
        self.exchange = dns.name.from_text(name)


class Network:
    """Stands in for a resolver: domain → kind of record → answers, or the error that is raised for every question."""

    def __init__(self, domains, *, sure=True):
        self.domains = {SURE: {"MX": [Exchange("mx.example.")]}} if sure else {}
        self.domains |= domains
        self.asked = []
        self.lock = threading.Lock()

    def resolve(self, name, kind, *, lifetime):
        domain = name.to_text(omit_final_dot=True)
        with self.lock:
            self.asked.append((domain, kind))
        assert lifetime > 0
        found = self.domains.get(domain, dns.resolver.NXDOMAIN)
        if not isinstance(found, dict):
            raise found
        if kind not in found:
            raise dns.resolver.NoAnswer(response=NOTHING)
        return found[kind]


class Nothing:
    question = "?"


NOTHING = Nothing()
MAIL = {"MX": [Exchange("mx.example.")]}


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (MAIL, None),
        ({"A": ["192.0.2.1"]}, None),
        ({"AAAA": ["2001:db8::1"]}, None),
        ({"MX": [Exchange(".")]}, "the domain says that it takes no mail"),
        ({"TXT": ["v=spf1 -all"]}, "the domain has no mail server"),
        (dns.resolver.NXDOMAIN, "there is no such domain"),
    ],
)
def test_a_domain_takes_mail_with_a_mail_server_or_an_address_and_else_surely_not(records, why):
    reach = asker(Network({"a.example": records}))(["a.example"])
    assert (dict(reach.refused), list(reach.unasked)) == ({"a.example": why} if why else {}, [])


@pytest.mark.parametrize(
    "error",
    [dns.resolver.LifetimeTimeout(timeout=5, errors=[]), dns.resolver.NoNameservers, dns.resolver.YXDOMAIN, OSError],
)
def test_a_failure_of_the_network_is_never_a_no(error):
    reach = asker(Network({"a.example": error, "b.example": MAIL}))(["a.example", "b.example"])
    assert (dict(reach.refused), list(reach.unasked)) == ({}, ["a.example"])


def test_a_domain_that_cannot_be_asked_about_is_no_no():
    reach = asker(Network({}))(["a..example", "x" * 70 + ".example"])
    assert (dict(reach.refused), len(reach.unasked)) == ({}, 2)


def test_a_name_in_other_letters_is_asked_for_as_the_network_knows_it():
    network = Network({"xn--bcher-kva.example": MAIL})
    assert list(asker(network)(["bücher.example"]).refused) == []
    assert network.asked == [("xn--bcher-kva.example", "MX")]


def test_each_domain_is_asked_for_once_in_a_run():
    network = Network({"a.example": MAIL, "b.example": MAIL})
    ask = asker(network)
    ask(["a.example", "b.example"])
    ask(["b.example", "a.example", "b.example"])
    assert sorted(network.asked) == [("a.example", "MX"), ("b.example", "MX")]


def test_a_network_that_knows_no_name_outside_is_not_believed():
    reach = asker(Network({}, sure=False))(["a.example", "b.example"])
    assert (dict(reach.refused), list(reach.unasked)) == ({}, ["a.example", "b.example"])


def test_when_the_first_domains_all_fail_the_others_are_not_asked():
    domains = [f"d{number}.example" for number in range(10 * AT_ONCE)]
    network = Network(dict.fromkeys(domains, dns.resolver.NoNameservers))
    reach = asker(network)(domains)
    assert len(network.asked) == AT_ONCE
    assert list(reach.unasked) == domains


def checked(*addresses, ask):
    cells = [("T" + chr(ord("a") + n), address, "CEO", "FaultMessage") for n, address in enumerate(addresses)]
    frame = pl.DataFrame(cells, dict.fromkeys(HEADERS, pl.String), orient="row")
    lines = pl.Series(range(2, len(cells) + 2), dtype=pl.UInt32)
    sheet = Sheet("new.csv", None, HEADERS, frame, lines, "digest", faults.frame())
    return check(sheet, match(HEADERS), Rules(), ask)


def test_every_address_of_a_domain_that_takes_no_mail_is_warned_of_and_taken():
    network = Network({"good.example": MAIL})
    addresses = ("a@good.example", "b@Gone.example", "c@gone.EXAMPLE", "not an address")
    result = checked(*addresses, ask=asker(network))
    assert result.findings.filter(severity="warning").select("line", "rule", "column", "value", "message").rows() == [
        (3, "email-undeliverable", "EmailAddress", "b@Gone.example",
         "No mail can be delivered to gone.example: there is no such domain."),
        (4, "email-undeliverable", "EmailAddress", "c@gone.EXAMPLE",
         "No mail can be delivered to gone.example: there is no such domain."),
    ]  # fmt: skip
    assert result.contacts["row"].to_list() == [0, 1, 2]
    assert sorted(network.asked) == [("gone.example", "MX"), ("good.example", "MX")]


def test_what_the_network_did_not_tell_is_one_note_of_the_file():
    result = checked(*(f"p@{letter}.example" for letter in "abcde"), ask=lambda domains: Reach({}, domains))
    assert result.findings.select("row", "rule", "severity", "column").rows() == [
        (None, "domain-unasked", "note", None)
    ]
    assert result.findings["message"].item() == (
        "Nothing could be learned of the domains of 5 addresses, as the network did not answer: "
        "a.example, b.example, c.example and 2 more."
    )
    assert result.contacts.height == 5


def test_without_a_usable_address_nobody_is_asked():
    def ask(domains):
        raise AssertionError(domains)

    assert checked("nobody", ask=ask).contacts.is_empty()
