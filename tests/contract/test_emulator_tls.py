"""HTTPS with a certificate made at start: clients verify for real, and a wrong name is noticed."""

import ssl

import aiohttp
import pytest

from importer.emulator import Emulator
from importer.emulator.faults import Fault


def trusting(emulator):
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return aiohttp.TCPConnector(ssl=context)


async def test_a_client_that_trusts_the_ca_file_verifies_address_and_name():
    async with Emulator(tls=True) as emulator, aiohttp.ClientSession(connector=trusting(emulator)) as session:
        assert emulator.banner()["ca_file"] == str(emulator.ca_file)
        for host in ("127.0.0.1", "localhost"):
            async with session.get(f"https://{host}:{emulator.port}/_emulator/state") as answer:
                assert answer.status == 200
    assert emulator.ca_file is None


async def test_a_client_that_does_not_trust_it_gets_no_connection():
    async with Emulator(tls=True) as emulator, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(emulator.url)


async def test_a_certificate_for_another_host_is_shown_when_the_fault_fires():
    async with Emulator(tls=True) as emulator:
        emulator.faults.replace([Fault("wrong-name", calls=[1])])
        async with aiohttp.ClientSession(connector=trusting(emulator)) as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match=r"mismatch|not valid for"):
                await session.get(emulator.url)
            async with session.get(emulator.url) as answer:
                assert answer.status == 200
