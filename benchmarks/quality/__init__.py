"""How well a default Starfort tells attacks from ordinary requests: `make quality`, `make quality-NAME`.

Four parts, see benchmarks/README.md: `benign` (refused share by kind), `attacks` (found share by class and place),
`evasions` (through by mutation), `time` (the dearest request). `python -m benchmarks.quality --help`.
"""
