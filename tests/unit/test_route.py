"""The proxy that stands between: which one, for which hosts, and its password apart."""

from urllib.parse import urlsplit

import pytest

from importer.directory.route import exempt, proxy_for
from importer.model.errors import FixCommand

API = "https://resourcedirectory.aliyuncs.com"


def test_the_proxy_of_the_scheme_is_used():
    assert proxy_for(API, {"https": "http://proxy.test:3128", "http": "http://other.test"}) == (
        "http://proxy.test:3128",
        None,
    )
    assert proxy_for(API, {"http": "http://other.test"}) == (None, None)
    assert proxy_for(API, {"all": "proxy.test:3128"}) == ("http://proxy.test:3128", None)
    assert proxy_for(API, {"https": ""}) == (None, None)


def test_its_password_goes_into_a_header_alone():
    url, headers = proxy_for(API, {"https": "http://user:p%40ss@[2001:db8::1]:3128/"})
    assert url == "http://[2001:db8::1]:3128"
    assert headers == {"Proxy-Authorization": "Basic dXNlcjpwQHNz"}


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://localhost:8080", "https://[::1]:8443"])
def test_this_machine_needs_no_proxy(base):
    assert proxy_for(base, {"http": "http://proxy.test", "https": "http://proxy.test"}) == (None, None)


@pytest.mark.parametrize("proxy", ["socks5://user:CANARY@proxy.test:1080", "http://:CANARY@", "http://x:CANARY"])
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(proxy):
    with pytest.raises(FixCommand) as caught:
        proxy_for(API, {"https": proxy})
    assert "CANARY" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "exceptions",
    [
        "*",
        "aliyuncs.com",
        ".aliyuncs.com",
        "*.aliyuncs.com",
        "ResourceDirectory.AliYunCS.com",
        "example.com, aliyuncs.com",
        "aliyuncs.com:443",
    ],
)
def test_no_proxy_names_the_host(exceptions):
    assert exempt(urlsplit(API), exceptions)
    assert proxy_for(API, {"https": "http://proxy.test", "no": exceptions}) == (None, None)


@pytest.mark.parametrize("exceptions", ["", ",", "yuncs.com", "aliyuncs.com:8443", "aliyuncs.com.cn", "10.0.0.0/8"])
def test_no_proxy_names_others(exceptions):
    assert not exempt(urlsplit(API), exceptions)


def test_no_proxy_may_name_a_network():
    assert exempt(urlsplit("https://10.1.2.3:8443"), "10.0.0.0/8")
    assert exempt(urlsplit("https://[2001:db8::7]"), "2001:db8::/32")
    assert not exempt(urlsplit("https://11.1.2.3"), "10.0.0.0/8")
