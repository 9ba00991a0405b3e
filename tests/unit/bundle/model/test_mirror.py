"""The Python mirror of the bundle says what the Rust definition says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from starfort.bundle import contract, file, model
from starfort.bundle import policy as policies
from starfort.bundle.expression import Expr, Function, PlainField, Quantifier, SignalField

CRATE = Path(__file__).parents[4] / "crates/engine/src"
OWN = "".join(
    (CRATE / name).read_text(encoding="utf-8")
    for name in ("bundle.rs", "bundle/expression.rs", "bundle/contract.rs")
)
ACTIONS = "".join(
    path.read_text(encoding="utf-8") for path in sorted((CRATE / "policy/actions").glob("*.rs"))
)
RUST = OWN + ACTIONS
STRUCTS = (
    model.Bundle, model.Limits, model.Api, model.Endpoint, model.Identity, model.JwtProvider, model.ApiKey,
    model.AddressList, model.Geo, model.Bot, model.CannedResponse, model.Content, policies.Policy,
    contract.ApiContract, contract.ContractSettings, contract.ContractOperation, contract.ContractPlace,
    contract.ContractParameter, contract.ContractBody, contract.ContractMedia, contract.PropertyEncoding,
    contract.ContractResponse,
)  # fmt: skip
PLAIN_ENUMS = {
    "OverLimit": model.OverLimit, "Phase": policies.Phase, "Mode": policies.Mode, "Quantifier": Quantifier,
    "Function": Function, "ContentKind": model.ContentKind, "ParameterPlace": contract.ParameterPlace,
    "ParameterStyle": contract.ParameterStyle,
}  # fmt: skip
VARIANT_ENUMS = {
    "ApiKeySource": model.ApiKeySource, "Action": policies.Action, "Expr": Expr,
    "SecurityScheme": contract.SecurityScheme,
}  # fmt: skip


def _body(kind: str, name: str) -> str:
    found = re.search(rf"^pub {kind} {name} \{{\n(.*?)^\}}", RUST, re.MULTILINE | re.DOTALL)
    assert found, name
    return re.sub(r"//.*|#\[.*\]", "", found[1])


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _variants(name: str) -> dict[str, object]:
    """Tag to the number of unnamed fields, or to the names of the fields."""
    variants: dict[str, object] = {}
    pattern = r"^    ([A-Z]\w*)(?:\(([^()]*)\)| \{(.*?)^    \})?,$"
    for variant, unnamed, named in re.findall(pattern, _body("enum", name), re.MULTILINE | re.DOTALL):
        if unnamed.endswith("Spec"):  # the settings of an action, a struct of its own
            variants[_snake(variant)] = re.findall(r"(\w+):", _body("struct", unnamed))
        elif named:
            variants[_snake(variant)] = re.findall(r"(\w+):", named)
        else:
            depth_0 = re.sub(r"<[^<>]*>", "", unnamed)
            variants[_snake(variant)] = len(depth_0.split(",")) if unnamed else 0
    return variants


def _mirror(base: type) -> dict[str, object]:
    return {
        kind.TAG: [field.name for field in fields(kind)] if kind.NAMED and fields(kind) else len(fields(kind))
        for kind in base.__subclasses__()
    }


@pytest.mark.parametrize("mirror", STRUCTS, ids=lambda kind: kind.__name__)
def test_structs_have_the_same_fields(mirror: type) -> None:
    """Every field of the Rust struct, and no other."""
    wanted = re.findall(r"pub (\w+):", _body("struct", mirror.__name__))
    assert wanted
    assert sorted(field.name.rstrip("_") for field in fields(mirror)) == sorted(wanted)


def test_every_rust_type_is_mirrored() -> None:
    """A new struct or enum of the bundle needs a mirror."""
    mirrored = {kind.__name__ for kind in STRUCTS} | set(PLAIN_ENUMS) | set(VARIANT_ENUMS) | {"Field"}
    assert set(re.findall(r"^pub (?:struct|enum) (\w+)", OWN, re.MULTILINE)) | {"Action"} == mirrored


@pytest.mark.parametrize("name", PLAIN_ENUMS)
def test_plain_enums_have_the_same_variants(name: str) -> None:
    """Every variant of the Rust enum, in its order."""
    assert [member.value for member in PLAIN_ENUMS[name]] == list(_variants(name))


@pytest.mark.parametrize("name", VARIANT_ENUMS)
def test_enums_with_content_have_the_same_variants(name: str) -> None:
    """Every variant, with as many fields or with the same field names."""
    assert _mirror(VARIANT_ENUMS[name]) == _variants(name)


def test_fields_are_the_same() -> None:
    """Variables without parameter, and those of signals."""
    mirror = dict.fromkeys((member.value for member in PlainField), 0) | _mirror(SignalField)
    assert mirror == _variants("Field")


def test_format_and_magic_are_the_same() -> None:
    """The head of a file."""
    assert f'b"{file.MAGIC.decode()}"' in RUST
    assert f"FORMAT: u32 = {file.FORMAT};" in RUST
    assert "MAX_PAYLOAD_BYTES: u64 = 512 << 20;" in (CRATE / "bundle_file.rs").read_text(encoding="utf-8")
    assert file.MAX_PAYLOAD_BYTES == 512 << 20


def test_anomalies_are_the_same() -> None:
    """Codes that conditions may ask for, in the engine's order."""
    codes = (CRATE / "http/anomaly.rs").read_text(encoding="utf-8")
    assert list(model.ANOMALIES) == re.findall(r'^    \w+ = "(\w+)",$', codes, re.MULTILINE)


def test_sensitive_and_bot_classes_are_the_same() -> None:
    """Names that the engine knows."""
    classes = (CRATE / "sensitive/class.rs").read_text(encoding="utf-8")
    assert set(model.SENSITIVE_CLASSES) == set(re.findall(r'Self::\w+ => "(\w+)"', classes))
    bots = (CRATE / "client/bot.rs").read_text(encoding="utf-8")
    assert {"none", *model.BOT_CLASSES} == set(re.findall(r'Self::\w+ => "(\w+)"', bots))
