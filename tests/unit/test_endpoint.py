"""The endpoint as typed: https unless this machine, nothing but a host, and no secret in a complaint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.directory.endpoint import endpoint_url, identity, loopback
from importer.model.errors import FixCommand


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("resourcedirectory.aliyuncs.com", "https://resourcedirectory.aliyuncs.com", "resourcedirectory.aliyuncs.com"),
        (" HTTPS://Example.COM/ ", "https://example.com", "example.com"),
        ("https://example.com:443", "https://example.com", "example.com"),
        ("example.com:8443", "https://example.com:8443", "example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "loopback"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "loopback"),
        ("https://127.0.0.1:8080", "https://127.0.0.1:8080", "loopback"),
        ("localhost:80", "http://localhost", "loopback"),
        ("http://api.localhost:81", "http://api.localhost:81", "loopback"),
        ("http://[::1]:8080", "http://[::1]:8080", "loopback"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]", "[2001:db8::1]"),
        ("http://127.8.9.1:1", "http://127.8.9.1:1", "loopback"),
    ],
)
def test_an_endpoint_becomes_a_base_url_and_an_identity(text, url, name):
    assert endpoint_url(text) == url
    assert identity(url) == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("http://example.com", "in the clear"),
        ("http://0.0.0.0:80", "in the clear"),
        ("http://127.0.0.1.example.com", "in the clear"),
        ("http://127.1", "in the clear"),
        ("https://example.com/v1", "path"),
        ("https://example.com?x=1", "path"),
        ("https://example.com#x", "path"),
        ("ftp://example.com", "neither"),
        ("https://", "no valid host"),
        ("https://exa mple.com", "no host has"),
        ("https://例子.com", "no host has"),
        ("https://example.com\\@evil.test", "no host has"),
        ("https://example.com:99999", "port"),
        ("https://example.com:port", "port"),
        ("https://example.com:0", "port"),
        ("https://[zz]", "host"),
        ("https://-x-.com", "host"),
        ("https://a..b", "host"),
    ],
)
def test_what_is_no_endpoint_is_refused_in_one_line(text, says):
    with pytest.raises(FixCommand) as caught:
        endpoint_url(text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_password_in_the_endpoint_is_refused_and_not_repeated():
    with pytest.raises(FixCommand) as caught:
        endpoint_url("https://user:CANARY@example.com:CANARY2/")
    assert "CANARY" not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1", "LOCALHOST.", "a.localhost"])
def test_these_are_this_machine(host):
    assert loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "localhost.example.com", "10.0.0.1", "127.0.0.1.nip.io"])
def test_these_are_not(host):
    assert not loopback(host)


@given(st.text(max_size=60))
def test_any_text_is_an_endpoint_or_refused(text):
    try:
        url = endpoint_url(text)
    except FixCommand:
        return
    assert endpoint_url(url) == url
    assert url.startswith("https://") or identity(url) == "loopback"
