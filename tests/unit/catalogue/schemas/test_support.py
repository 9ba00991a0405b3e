"""Facts are trusted when several callers showed them over time."""

from starfort.catalogue.schemas.support import KEPT, TRUSTED, Support, Trust, join

TRUST = Trust(callers=3, apart_s=600)


def _joined(*shown: tuple[int, int]) -> Support | None:
    found: Support | None = Support((), 2**62, -1)
    for caller, time_s in shown:
        found = join(found, Support((caller,), time_s, time_s), TRUST)
    return found


def test_one_caller_is_never_trusted() -> None:
    """However often and long one caller shows a fact, it is not trusted."""
    found = _joined(*((1, time_s) for time_s in range(0, 100_000, 100)))
    assert found == Support((1,), 0, 99_900)


def test_several_callers_at_once_are_not_trusted() -> None:
    """Many callers within a moment are one event, such as a scan from many addresses."""
    assert _joined(*((caller, caller) for caller in range(100))) is not TRUSTED


def test_several_callers_over_time_are_trusted() -> None:
    """Three callers, ten minutes apart, are enough, and whoever comes later changes nothing."""
    assert _joined((1, 0), (2, 10), (3, 600)) is TRUSTED
    assert _joined((1, 0), (2, 10), (3, 600), (9, 5)) is TRUSTED


def test_what_is_kept_of_callers_is_bounded() -> None:
    """However many callers come, few are kept."""
    found = _joined(*((caller, 0) for caller in range(1000)))
    assert found is not None
    assert len(found.callers) == KEPT
