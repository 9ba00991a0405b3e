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
    # Through importlib, which also finds files of a package that is installed as an archive.
    file = resources.files(f"starfort.{package}").joinpath(*f"{name}.sql".split("/"))
    return file.read_text("utf-8")
