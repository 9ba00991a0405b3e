"""How well the catalogue finds an API's templates in its traffic: `make bench-discovery`."""
