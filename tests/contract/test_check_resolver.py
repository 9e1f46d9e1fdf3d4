"""The real resolver against a name server on this machine: what it raises is what looking up domains goes by."""

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from importer.jobs.domains import SURE, Said, asker, look

ZONE = {
    SURE: {"MX": "10 mx.example."},
    "mail.example": {"MX": "10 mx.example."},
    "closed.example": {"MX": "0 ."},
    "house.example": {"A": "192.0.2.1"},
    "empty.example": {"TXT": '"v=spf1 -all"'},
}


def answer(wire):
    """None: no answer at all."""
    query = dns.message.from_wire(wire)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    question = query.question[0]
    name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
    if name == "silent.example":
        return None
    if name == "broken.example":
        response.set_rcode(dns.rcode.SERVFAIL)
    elif name not in ZONE:
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif kind in ZONE[name]:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, ZONE[name][kind]))
    return response.to_wire()


@pytest.fixture
def resolver():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.05)
    done = threading.Event()

    def serve():
        while not done.is_set():
            try:
                wire, client = server.recvfrom(4096)
            except TimeoutError:
                continue
            if (reply := answer(wire)) is not None:
                server.sendto(reply, client)

    thread = threading.Thread(target=serve)
    thread.start()
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = ["127.0.0.1"], server.getsockname()[1]
    yield found
    done.set()
    thread.join()
    server.close()


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("mail.example", Said.YES),
        ("house.example", Said.YES),
        ("closed.example", Said.CLOSED),
        ("empty.example", Said.NOBODY),
        ("missing.example", Said.MISSING),
        ("broken.example", Said.UNKNOWN),
        ("silent.example", Said.UNKNOWN),
    ],
)
def test_what_a_name_server_says_of_a_domain(resolver, domain, said):
    assert look(domain, resolver, 0.5) is said


def test_many_domains_together(resolver):
    reach = asker(resolver, timeout=0.5)([*ZONE, "missing.example", "silent.example"])
    assert sorted(reach.refused) == ["closed.example", "empty.example", "missing.example"]
    assert list(reach.unasked) == ["silent.example"]


def test_where_no_name_server_listens_nothing_is_learned():
    nowhere = dns.resolver.Resolver(configure=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        nowhere.nameservers, nowhere.port = ["127.0.0.1"], free.getsockname()[1]
    reach = asker(nowhere, timeout=0.2)(["mail.example"])
    assert (dict(reach.refused), list(reach.unasked)) == ({}, ["mail.example"])
