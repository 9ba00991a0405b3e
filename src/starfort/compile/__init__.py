"""Compiles a configuration to the bundle for the engine and the data plane for Envoy."""

from starfort.compile.compiler import Compiled, compile_config
from starfort.compile.endpoints import CompiledEndpoint
from starfort.compile.policies import CompiledPolicy

__all__ = ["Compiled", "CompiledEndpoint", "CompiledPolicy", "compile_config"]
