"""SQL texts that are part of the package: each query is a file of its own, read once."""

from functools import cache
from importlib import resources


@cache
def load_sql(package: str, name: str) -> str:
    """The text of `starfort/PACKAGE/NAME.sql`.

    Args:
        package: dotted name below `starfort`, such as `store.rollups`.
        name: path below the package without `.sql`, such as `queries/summary`.
    """
    file = resources.files(f"starfort.{package}").joinpath(*f"{name}.sql".split("/"))
    return file.read_text("utf-8")
