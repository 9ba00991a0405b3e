"""How well the catalogue finds an API's templates in its traffic: `make bench-discovery`."""

from benchmarks.discovery.bench import run

__all__ = ["run"]
