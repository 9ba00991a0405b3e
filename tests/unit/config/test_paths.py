"""Settings that name files are known by their types."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from starfort.config import ConfigError, load
from starfort.config.model import Config
from starfort.config.paths import InputFile, PathPattern, input_files, path_role

CONFIG = """version: 1
listeners: [{name: public, address: 127.0.0.1:8080, tls: {certificate: tls/a.pem, key: /abs/a.key}}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}]
apis: [{name: shop, upstream: shop}]
lists: [{name: bad, file: bad.txt}]
responses: [{name: decoy, status: 200, headers: {file: a.txt, key: value}}]
"""


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """Every model in a type, and those inside it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(annotation):
        yield from models(part)


def holds(annotation: object, kind: type) -> bool:
    """Whether a type is a kind of value, or a union or list with it."""
    return annotation is kind or any(holds(part, kind) for part in get_args(annotation))


def untyped(root: type[BaseModel]) -> list[str]:
    """Settings that are paths by their Python type or their name, and whose type does not say what for."""

    def is_path(name: str, field: FieldInfo) -> bool:
        by_name = re.search(r"(^|_)(files?|folder|dir|directory)$", name) and holds(field.annotation, str)
        return holds(field.annotation, Path) or bool(by_name)

    return [
        f"{model.__name__}.{name}"
        for model in dict.fromkeys(models(root))
        for name, field in model.model_fields.items()
        if is_path(name, field) and path_role(field) is None and name != "over_limit_files"
    ]


def test_every_path_of_the_configuration_says_what_it_is_for() -> None:
    """A setting that is a path has one of the types of `config.paths`, so that no rule about paths misses it."""
    assert untyped(Config) == []


def test_a_path_of_another_type_is_noticed() -> None:
    """A new setting that is a bare path, or a text named as a file, fails the test above."""

    class Part(BaseModel):
        good: InputFile
        also_good: list[PathPattern] = []
        bare: Path | None = None
        own_files: list[str] = []

    class Root(BaseModel):
        parts: list[Part]

    assert untyped(Root) == ["Part.bare", "Part.own_files"]


def test_relative_paths_count_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path counts from the configuration's folder wherever Starfort runs; others stay."""
    folder = tmp_path / "etc"
    (folder / "tls").mkdir(parents=True)
    (folder / "tls" / "a.pem").touch()
    (folder / "bad.txt").touch()
    (folder / "starfort.yaml").write_text(CONFIG.replace("/abs/a.key", str(folder / "bad.txt")))
    monkeypatch.chdir(tmp_path)
    loaded = load(Path("etc/starfort.yaml"))
    assert loaded.config.data_dir == folder / "var"
    assert [path for _, path in input_files(loaded.config)] == [
        folder / "tls" / "a.pem",
        folder / "bad.txt",
        folder / "bad.txt",
    ]


def test_keys_that_only_look_like_paths_stay(tmp_path: Path) -> None:
    """A header that is called `file` or `key` is no path, though settings of these names are."""
    config = Config.model_validate(
        {
            "version": 1,
            "listeners": [{"name": "public", "address": "127.0.0.1:8080"}],
            "upstreams": [{"name": "shop", "addresses": ["127.0.0.1:9001"]}],
            "apis": [{"name": "shop", "upstream": "shop"}],
            "responses": [{"name": "decoy", "status": 200, "headers": {"file": "a.txt", "key": "value"}}],
        },
        context={"folder": tmp_path},
    )
    assert config.responses[0].headers == {"file": "a.txt", "key": "value"}


def test_a_file_that_cannot_be_read_is_named_at_its_place(tmp_path: Path) -> None:
    """A file that is missing is a problem at the setting that names it; a missing data folder is none."""
    file = tmp_path / "starfort.yaml"
    file.write_text(CONFIG)
    with pytest.raises(ConfigError) as caught:
        load(file)
    lines = CONFIG.splitlines()
    assert [(each.line, each.column, each.what) for each in caught.value.problems] == [
        (2, lines[1].index("tls/a.pem") + 1, f"{tmp_path / 'tls' / 'a.pem'} is no file"),
        (2, lines[1].index("/abs/a.key") + 1, "/abs/a.key is no file"),
        (5, lines[4].index("bad.txt") + 1, f"{tmp_path / 'bad.txt'} is no file"),
    ]
