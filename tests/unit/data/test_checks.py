"""Checks of data: what leaves, and to whom."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from starfort.base.severity import SEVERE_DATA_CLASSES
from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.store import Store
from tests.support.checks import CHECKS, findings
from tests.support.events import event, stream

_numbers = itertools.count()
MIN_VALUES = int(CHECKS["volume_to_caller"].settings["min_values"])


class Api:
    """An API of its own in the suite's store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = f"data-{next(_numbers)}"

    def call(self, path: str, count: int = 1, **fields: Any) -> None:
        """Calls of `GET path`."""
        row = event(api=self.name, endpoint_id=f"{self.name}{path}"[:16], template=path, path=path, **fields)
        self.store.insert_arrow(stream([row] * count), token=f"data-{next(_numbers)}")

    def find(self, name: str) -> list[PostureFinding]:
        """What one check finds here."""
        masked = ("mask:cards card_number", *(f"mask:all {name}" for name in (*SEVERE_DATA_CLASSES, "email")))
        return findings(self.store, name, self.name, Configured(masked=masked))


@pytest.fixture
def api(store: Store) -> Api:
    """An API without calls."""
    return Api(store)


def test_classes_that_leave(api: Api) -> None:
    """By endpoint, with how many values and how many answers were masked; requests do not count."""
    api.call("/a", 3, sensitive_response=["email"], sensitive_response_count=2, subject_hash="s1")
    api.call("/a", 2, sensitive_response=["card_number"], sensitive_response_count=1, tags=["mask:cards"])
    api.call("/b", sensitive_request=["card_number"])
    (finding,) = api.find("sensitive_data")
    assert finding.title == "GET /a sends card_number, email"
    assert finding.severity == "info", "card numbers were masked each time"
    assert finding.evidence["unmasked_classes"] == ["email"]
    assert finding.evidence["values_sent"] == 8
    assert finding.evidence["masked_answers"] == 2
    assert finding.evidence["subjects"] == 1


def test_a_mask_of_one_class_excuses_no_other(api: Api) -> None:
    """A mask excuses what it names; a policy that is gone, or masks something else, excuses nothing."""
    for number, (classes, tags, severity) in enumerate(
        [
            (["card_number", "us_ssn"], ["mask:cards"], "medium"),
            (["card_number"], ["mask:cards"], "info"),
            (["card_number"], ["mask:gone"], "medium"),
            (["card_number"], ["tag:cards"], "medium"),
            (["us_ssn", "card_number"], ["mask:cards", "mask:all"], "info"),
        ]
    ):
        api.call(f"/{number}", sensitive_response=classes, tags=tags)
        found = {each.title.split()[1]: each.severity for each in api.find("sensitive_data")}
        assert found[f"/{number}"] == severity
        leaks = {each.title.split()[1] for each in api.find("severe_data_unmasked")}
        assert (f"/{number}" in leaks) == (severity == "medium")


@pytest.mark.parametrize("name", ["card_number", "us_ssn", "private_key", "iban"])
def test_severe_classes_for_everybody_are_critical(api: Api, name: str) -> None:
    """Unmasked, to callers without credentials."""
    api.call("/open", sensitive_response=[name, "email"])
    api.call("/guarded", sensitive_response=[name], auth_seen=["bearer"])
    api.call("/masked", sensitive_response=[name], tags=["mask:all"])
    api.call("/mild", sensitive_response=["email"])
    (finding,) = api.find("severe_data_unmasked")
    assert finding.severity == "critical"
    assert finding.title == f"GET /open sends {name} unmasked to callers without credentials"


def test_one_caller_that_copies_everything(api: Api) -> None:
    """A subject that is sent a hundred times what the others are."""
    for number in range(8):
        api.call(
            "/list", sensitive_response=["email"], sensitive_response_count=20, subject_hash=f"usual{number}"
        )
    assert api.find("volume_to_caller") == []
    api.call("/list", 20, sensitive_response=["email"], sensitive_response_count=100, subject_hash="copier")
    (finding,) = api.find("volume_to_caller")
    assert finding.title == "subject=copier was sent 2000 sensitive values by GET /list, usual are 20"


def test_callers_that_are_all_sent_much_are_none(api: Api) -> None:
    """An export that everybody uses is no copying by one."""
    for number in range(8):
        api.call(
            "/export",
            sensitive_response=["email"],
            sensitive_response_count=MIN_VALUES * 2,
            subject_hash=f"partner{number}",
            address=f"192.0.2.{number}",
        )
    assert api.find("volume_to_caller") == []


def test_verbose_errors(api: Api) -> None:
    """A stack trace in a failure is found, a path alone is less urgent, and a plain failure is none."""
    api.call("/trace", 2, status=500, response_traits=["error:stack_trace", "error:path"])
    api.call("/path", 2, status=500, response_traits=["error:path"])
    api.call("/plain", 2, status=500, response_traits=["nosniff"])
    found = {
        row.evidence["subject"]: (row.severity, row.evidence["shown"]) for row in api.find("verbose_errors")
    }
    assert found == {"GET /trace": ("medium", ["path", "stack trace"]), "GET /path": ("low", ["path"])}


def test_server_version_shown(api: Api) -> None:
    """One finding for an API whose answers mostly name a version."""
    api.call("/a", 20, response_traits=["server:versioned"])
    (finding,) = api.find("server_version_shown")
    assert (finding.endpoint_id, finding.severity, finding.evidence["share"]) == ("", "info", 100)


def test_a_few_pages_with_a_version_are_no_finding(api: Api) -> None:
    """An error page of a proxy in between names a version now and then."""
    api.call("/a", 20, response_traits=["hsts"])
    api.call("/b", 5, response_traits=["server:versioned"])
    assert api.find("server_version_shown") == []


@pytest.mark.parametrize(
    ("traits", "fields", "expected"),
    [
        ([], {}, ("info", "Strict-Transport-Security and X-Content-Type-Options")),
        (["hsts"], {"auth_seen": ["cookie"]}, ("low", "X-Content-Type-Options")),
        (["hsts", "nosniff"], {}, None),
        ([], {"scheme": "http"}, None),
        ([], {"status": 302}, None),
    ],
)
def test_missing_security_headers(
    api: Api, traits: list[str], fields: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    """What browsers miss is named; plain HTTP and redirects are no case."""
    api.call("/a", 20, response_traits=traits, **fields)
    found = [(row.severity, row.evidence["missing"]) for row in api.find("missing_security_headers")]
    assert found == ([expected] if expected else [])


def test_cacheable_sensitive_data(api: Api) -> None:
    """Data that caches may keep is found, unless no-store or `Authorization` without `public` forbids it."""
    data = {"sensitive_response": ["email"]}
    header = {"credential_places": ["header:authorization"]}
    api.call("/key", **data, credential_places=["header:x-api-key"])
    api.call("/public", **data, **header, response_traits=["cache:public"])
    api.call("/bearer", **data, **header)
    api.call("/kept", **data, response_traits=["no_store"])
    api.call("/plain")
    found = {row.evidence["subject"]: row.severity for row in api.find("cacheable_sensitive_data")}
    assert found == {"GET /key": "low", "GET /public": "medium"}
