"""What is learned from traffic is configured."""

import pytest
from pydantic import ValidationError

from starfort.config.learning import Learning


def test_schemas_are_learned_by_default() -> None:
    """Without a word, schemas are learned from three callers ten minutes apart."""
    found = Learning()
    assert (found.schemas, found.callers, found.apart.total_seconds()) == (True, 3, 600)


@pytest.mark.parametrize("callers", [0, 7])
def test_callers_are_few(callers: int) -> None:
    """No caller proves nothing, and of more than six none is kept."""
    with pytest.raises(ValidationError):
        Learning(callers=callers)
