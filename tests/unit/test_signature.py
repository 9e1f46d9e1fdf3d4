"""The signature is the one that the official signer makes, whatever is signed."""

from urllib.parse import quote

from alibabacloud_tea_openapi.utils import Utils
from hypothesis import example, given, settings
from hypothesis import strategies as st

from importer.directory.signature import ALGORITHM, EMPTY, authorization, encoded

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAME = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
QUERY = st.dictionaries(st.text("ABCxyz.12", min_size=1, max_size=12), TEXT, max_size=8)


class Asked:
    """What the official signer wants to know."""

    method = "POST"
    pathname = "/"

    def __init__(self, query, headers):
        self.query = query
        self.headers = headers


@settings(deadline=None)
@given(QUERY, st.dictionaries(NAME, TEXT, max_size=8), TEXT, TEXT)
@example({"Name": "王小明", "EmailAddress": "some.one+tag@example.com", "T": "~-_. /?"}, {"host": " a b\t"}, "id", "密")
def test_the_signature_is_the_official_one(query, headers, key_id, secret):
    official = Utils.get_authorization(Asked(query, headers), ALGORITHM, EMPTY, key_id, secret)
    assert authorization(encoded(dict(sorted(query.items()))), headers, key_id, secret) == official


@settings(deadline=None)
@given(QUERY)
def test_every_text_is_encoded_but_for_unreserved_letters(query):
    assert encoded(query) == "&".join(f"{name}={quote(text, safe='~')}" for name, text in query.items())
