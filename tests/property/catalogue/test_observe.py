"""The query that sums up events replaces values as Python does."""

from __future__ import annotations

import datetime as dt

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starfort import _engine
from starfort.catalogue.observe import Observer
from starfort.catalogue.segments import shape_of
from starfort.store import Store
from tests.support.events import event, stream
from tests.support.paths import PATHS

_seen: list[int] = []


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written=st.lists(PATHS, min_size=50, max_size=200))
def test_paths_have_the_same_shape_before_and_after_the_query(store: Store, written: list[str]) -> None:
    """The shapes of the query's rows are the shapes of the paths of the events."""
    paths = {_engine.normalise_path(path) for path in written}
    _seen.append(1)
    api = f"observed-{len(_seen)}"
    store.insert_arrow(stream([event(api=api, path=path) for path in sorted(paths)]), token=api)
    read = Observer(store, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).read([api])
    shapes = {one.shape for part in read for one in part.seen}
    assert shapes == {shape for path in paths if (shape := shape_of(path)) is not None}
