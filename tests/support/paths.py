"""Paths as API calls have them, for property tests: words, values of every kind, and odd segments."""

from __future__ import annotations

import base64

from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["users", "orders", "me", "export", "api", "v1", "Products", "line-items", "getFile", "a.b", "x"]
)
_NUMBERS = st.integers(0, 10**12).map(str)
_HEX = st.binary(min_size=8, max_size=20).map(bytes.hex)
_NAMES = st.text("abcXYZ019_-", min_size=1, max_size=24)
VALUES = st.one_of(
    _NUMBERS,
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
    _HEX,
    st.dates().map(str),
    st.ip_addresses().map(str),
    _NAMES,
    st.builds("{}-{}".format, st.sampled_from(["INV", "user", "v"]), _NUMBERS),
    st.binary(min_size=3, max_size=12).map(lambda value: base64.urlsafe_b64encode(value).decode()),
    st.sampled_from(
        ["+491701234567", "arn:aws:s3:::bucket", "urn:isbn:1", "straße", "a%2Fb", "{masked}", "bot{masked}"]
    ),
)
COMPOSITE = st.one_of(
    st.builds("{}({})".format, WORDS, VALUES),
    st.builds("{}={}".format, WORDS, VALUES),
    st.builds("{}...{}".format, VALUES, VALUES),
    st.builds("{}-{}.png".format, _NUMBERS, _NUMBERS),
    st.builds("{}.json".format, VALUES),
    st.builds("{}:publish".format, VALUES),
    st.builds("{};color={}".format, WORDS, VALUES),
    st.builds("@{}".format, _NAMES),
)
ODD = st.text("a1-_.:;=()@~X{}é, '+$&!", min_size=1, max_size=12)
SEGMENTS = st.one_of(WORDS, WORDS, VALUES, COMPOSITE, ODD)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=6).map(lambda segments: "/" + "/".join(segments))
"""They are as clients write them: `starfort._engine.normalise_path` gives them as events have them."""
