"""Signatures of requests: vectors 1 to 3 of the reference, and what makes a signature worthless elsewhere."""

import pytest

from skyledger.errors import FormatError
from skyledger.iagos.transfer.signature import (
    authorization,
    canonical,
    mac,
    parse,
    query_text,
    token_a,
    verify,
)

PASSPHRASE = "correct-horse-17"
TIMESTAMP = "2024-03-05T06:00:00Z"
NONCE = "9f1c2b7e4d5a6038"
PATH = "/api/v1/files"
QUERY = [("state", "new"), ("limit", "100"), ("instrument_type", "P1")]
REQUEST = {"method": "GET", "path": PATH, "query": QUERY, "body": b""}


def test_tokens_are_those_of_the_vectors():
    assert token_a(PASSPHRASE, TIMESTAMP) == (  # vector 1
        "30bf9b6076820bb5353bf16a5ef8a924f854e9d3d344c40ef6fba4e254eaa61d"
    )
    assert mac(PASSPHRASE, TIMESTAMP) == (  # vector 2
        "3c903de77a932adfa70ffc5bf1c12ed54aa8c4b2e39464277bb5cb5f5b738a01"
    )
    signed = mac(PASSPHRASE, canonical("GET", PATH, QUERY, TIMESTAMP, NONCE, b""))
    assert signed == "ce753ca4df3356b85042f11c31c350fc5de02e28e559d776d86bf191434b735c"  # vector 3


def test_the_header_holds_what_the_server_needs_and_not_the_passphrase():
    header = authorization("fzj-p1", PASSPHRASE, **REQUEST, timestamp=TIMESTAMP, nonce=NONCE)
    assert header == (
        "IAGOS-HMAC-SHA256 Credential=fzj-p1, Timestamp=2024-03-05T06:00:00Z, Nonce=9f1c2b7e4d5a6038, "
        "Signature=ce753ca4df3356b85042f11c31c350fc5de02e28e559d776d86bf191434b735c"
    )
    assert parse(header).credential == "fzj-p1"
    assert verify(parse(header), PASSPHRASE, **REQUEST)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"path": "/api/v1/files/f-1"},
        {"query": [*QUERY, ("after", "x")]},
        {"query": [("state", "new"), ("limit", "100"), ("instrument_type", "P2")]},
        {"body": b"{}"},
    ],
)
def test_a_signature_is_of_no_use_for_another_request(change):  # weakness 1
    header = authorization("fzj-p1", PASSPHRASE, **REQUEST, timestamp=TIMESTAMP, nonce=NONCE)
    assert not verify(parse(header), PASSPHRASE, **(REQUEST | change))
    assert not verify(parse(header), PASSPHRASE + "x", **REQUEST)
    assert not verify(parse(header.replace(NONCE, "0" * 16)), PASSPHRASE, **REQUEST)
    assert not verify(parse(header.replace("06:00:00", "06:00:01")), PASSPHRASE, **REQUEST)


def test_a_query_is_sorted_and_encoded_by_rfc_3986():
    assert query_text([("b", "2"), ("a", "ü /~"), ("a", "+")]) == "a=%2B&a=%C3%BC%20%2F~&b=2"
    assert query_text([]) == ""


@pytest.mark.parametrize("header", ["", "Bearer x", "IAGOS-HMAC-SHA256 Credential=a, Signature=secret"])
def test_a_header_of_another_form_is_refused_and_not_quoted(header):
    with pytest.raises(FormatError, match="expected 'IAGOS-HMAC-SHA256") as refusal:
        parse(header)
    assert "secret" not in str(refusal.value)
