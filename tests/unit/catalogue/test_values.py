"""What kind of value a text in a path is."""

from __future__ import annotations

import base64
import random
import string

import pytest

from starfort.catalogue.values import MAX_VALUE, kind_of
from tests.support.corpora import needs_corpus, parsed, public_documents

KINDS = {
    "integer": ["17", "-1", "20261127", "1,2,3", "12_000", "0x1F"],
    "number": ["1.5", "1.2.3", "48.85,2.35", "1e3"],
    "date": ["2026-11-27", "2026-11-27T12:00:00Z"],
    "month": ["2026-05", "2026-W05", "2026-Q1", "Q1-2026"],
    "duration": ["P3DT4H", "PT30S"],
    "email": ["ann@example.com", "bob.lee+x@example.co.uk"],
    "uuid": ["550e8400-e29b-41d4-a716-446655440000"],
    "hex": ["507f1f77bcf86cd799439011", "sha256:" + "e3b0c442" * 8],
    "ulid": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    "mac": ["00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e"],
    "ip": ["203.0.113.7", "2001:db8::1", "::1", "10.0.0.0%2F8", "2001:db8::%2f32"],
    "phone": ["+491701234567"],
    "arn": ["arn:aws:s3:::bucket", "arn:aws-cn:iam::123456789012:user%2Fann"],
    "urn": ["urn:isbn:9783161484100", "did:web:example.com", "gid:shop-1"],
    "id": ["cus_9s6XKzkNRiz8i3", "acct-1032842"],
    "code": ["INV-2024-001", "PROJ-12", "user-123", "ORD00012345", "978-3-16-148410-0", "B-MW-1234", "left-pad@1.3.0"],
    "base64": ["VXNlcjoxMjM=", "VXNlcjox", "Z2lkOi8vc2hvcC9Qcm9kdWN0LzEwNzk3", "UHJvZHVjdDox", "MTIzNDU="],
    "token": ["dQw4w9WgXcQ", "V1StGXR8_Z5jdHi6B-myT", "0ujtsYcgvSTl8PAuAdqWYSMnLOv", "cjld2cjxh0000qzrmn831i7rn", "a1b2c3d"],
    "text": ["group%2Fapp", "straße", "a b", "cats,dogs", "x" * 65, "{id}", "a" * (MAX_VALUE + 1)],
    "masked": ["{masked}"],
}  # fmt: skip

WORDS = [
    "orders", "getUserById", "iPhone12", "oauth2", "s3", "ec2", "utf-8", "sha-256", "iso-8601", "iso27001",
    "top-10", "us-east-1", "eu-central-1", "v2beta1", "report2024", "EUR-USD", "EUR", "AAPL", "en-US", "zh-Hant",
    "oneToOneNatRules", "GetBungieNetUserById", "P", "PT", "deadbeef", "chat.postMessage", "well-known",
    "line-items", "base64url", "x509", "h264", "mp3", "form-1099", "covid-19", "session=", "sso-callback",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts])
def test_each_kind_is_known_by_its_form(kind: str, text: str) -> None:
    """A text that only a value can be has the kind of that value."""
    assert kind_of(text) == kind


@pytest.mark.parametrize("word", WORDS)
def test_names_with_digits_and_capitals_stay_words(word: str) -> None:
    """A name that an API could have as a fixed segment has no kind, whatever digits are in it."""
    assert kind_of(word) == ""


def test_random_ids_are_found_by_their_form() -> None:
    """Most short base 62 ids, and nearly all long random ones, are values without any evidence of traffic."""
    chance = random.Random(1)  # noqa: S311 - the same ids at every run

    def share(alphabet: str, length: int) -> float:
        return sum(bool(kind_of("".join(chance.choices(alphabet, k=length)))) for _ in range(1000)) / 1000

    base62 = string.ascii_letters + string.digits
    assert share(base62, 8) > 0.6
    assert share(base62 + "_-", 21) > 0.98
    assert share(base62, 27) > 0.98
    assert share(string.ascii_lowercase + string.digits, 24) > 0.98
    numbers = (f"User:{chance.randint(1, 10**6)}".encode() for _ in range(500))
    assert all(kind_of(base64.b64encode(number).decode()) == "base64" for number in numbers)


@needs_corpus("openapi")
def test_fixed_segments_of_public_documents_stay_words() -> None:
    """Of the fixed segments of public documents, fewer than one in a thousand is taken for a value."""
    words = {
        segment
        for document in public_documents()
        for path in parsed(document).get("paths", {})
        for segment in path.strip("/").split("/")
        if segment and "{" not in segment
    }
    assert len(words) > 1000
    wrong = sorted(word for word in words if kind_of(word) not in {"", "integer", "number", "date"})
    assert len(wrong) * 1000 < len(words), wrong
