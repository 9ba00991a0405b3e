"""The names of OWASP's risks."""

from starfort.base.owasp import OWASP_API, owasp_title


def test_each_risk_has_its_number_and_its_name() -> None:
    """The edition of 2023 has ten risks, and a title says which one it is."""
    assert list(OWASP_API) == [f"API{number}:2023" for number in range(1, 11)]
    assert owasp_title("API9:2023") == "API9:2023 Improper Inventory Management"
    assert owasp_title("API11:2023") == ""
