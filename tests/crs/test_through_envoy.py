"""CRS' regression tests through Envoy and the filter end as they say, or are listed with their reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.crs.suite import stages
from tests.crs.through_envoy import failures, outcomes
from tests.support.corpora import needs_corpus
from tests.support.filter_bench import MODULE

pytestmark = [
    pytest.mark.e2e,
    needs_corpus("crs"),
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
]


def exceptions(name: str) -> dict[str, str]:
    """Reasons by stage."""
    listed = yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    groups = (
        [{"stages": [stage], "reason": reason} for stage, reason in listed.items()]
        if isinstance(listed, dict)
        else listed
    )
    return {stage: group["reason"] for group in groups for stage in group["stages"]}


@pytest.mark.timeout(600)
async def test_the_suite_through_envoy(tmp_path: Path) -> None:
    """Every stage; what is listed and passes is an error too."""
    everything = list(stages())
    found = await outcomes(everything, tmp_path)
    wrong = {stage.id: problems for stage in everything if (problems := failures(stage, found[stage.id]))}
    known = exceptions("exceptions-envoy.yaml")
    everywhere = exceptions("exceptions.yaml")
    assert set(known) | set(everywhere) <= {stage.id for stage in everything}
    assert {name: problems for name, problems in wrong.items() if name not in known | everywhere} == {}
    assert [name for name in known if name not in wrong] == [], "these pass: take them out"
