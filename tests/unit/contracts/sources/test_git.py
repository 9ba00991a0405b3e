"""Documents in Git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from starfort.config.documents import GitDocument
from starfort.contracts import documents
from starfort.contracts.sources import git
from starfort.contracts.sources.kept import Copies
from starfort.contracts.sources.refresh import refresh
from tests.unit.contracts.sources.conftest import LOOPBACK, Server

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the program git is not installed")
API = "openapi: 3.1.0\npaths: {/a: {$ref: 'parts/a.yaml'}}\n"


class Repository:
    """A repository that people commit to."""

    def __init__(self, server: Server) -> None:
        self.folder = server.repositories / "work"
        self.bare = server.repositories / "apis.git"
        self.run("init", "--quiet", "--initial-branch=main", str(self.folder), folder=server.repositories)
        self.run(
            "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), folder=server.repositories
        )

    def run(self, *arguments: str, folder: Path | None = None) -> None:
        """Run git as a person would."""
        who = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"}
        subprocess.run(
            ["git", *arguments], cwd=folder or self.folder, env=environment, check=True, capture_output=True
        )

    def commit(self, **contents: str) -> None:
        """Commit files (`shop__api_yaml` is `shop/api.yaml`) and publish them."""
        for name, text in contents.items():
            path = self.folder / name.replace("__", "/").replace("_yaml", ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.run("add", "-A")
        self.run("commit", "--quiet", "-m", "x")
        self.run("push", "--quiet", str(self.bare), "HEAD:main")


def document(server: Server, **fields: object) -> GitDocument:
    """A document of this server."""
    known = {
        "git": server.url("/git/apis.git"),
        "path": "shop/api.yaml",
        "networks": LOOPBACK,
        "ca": server.ca,
    }
    return GitDocument.model_validate(known | fields)


def test_a_document_comes_with_the_files_beside_it(server: Server, tmp_path: Path) -> None:
    """A commit that changes one of them is a new copy; a broken one is not taken."""
    repository, data = Repository(server), tmp_path / "var"
    repository.commit(shop__api_yaml=API, shop__parts__a_yaml="get: {}\n", other__secret_yaml="x: 1\n")
    one = document(server)
    found = refresh(data, one)
    assert found.result == "changed", found.error
    file = Copies(data, one).file
    read = documents.read(file)
    assert [operation.path for operation in read.contract.operations] == ["/a"]
    assert not (file.parent.parent / "other").exists()
    assert refresh(data, one).result == "unchanged"
    repository.commit(shop__parts__a_yaml="get: {}\nput: {}\n")
    assert [change.code for change in refresh(data, one).changes] == ["endpoint-added"]
    repository.commit(shop__parts__a_yaml="get: 7\n")
    found = refresh(data, one)
    assert (found.result, "a.yaml:1:" in found.error) == ("refused", True), found.error
    assert len(documents.read(file).contract.operations) == 2


def test_branches_and_tags_are_found(server: Server, tmp_path: Path) -> None:
    """Annotated tags too; one that does not exist is told."""
    repository, data = Repository(server), tmp_path / "var"
    repository.commit(shop__api_yaml=API, shop__parts__a_yaml="get: {}\n")
    repository.run("tag", "-a", "v1", "-m", "x")
    repository.run("push", "--quiet", str(repository.bare), "v1")
    repository.commit(shop__parts__a_yaml="get: {}\nput: {}\n")
    for ref, operations in (("v1", 1), ("main", 2)):
        one = document(server, ref=ref)
        assert refresh(data, one).result == "changed"
        assert len(documents.read(Copies(data, one).file).contract.operations) == operations
    assert "no branch or tag v2" in refresh(data, document(server, ref="v2")).error


def test_a_repository_runs_nothing(server: Server, tmp_path: Path) -> None:
    """Links are no way out of it, and hooks and filters of it do not run."""
    repository, data = Repository(server), tmp_path / "var"
    (repository.folder / "shop").mkdir()
    (repository.folder / "shop/link.yaml").symlink_to("/etc/hostname")
    (repository.folder / ".gitattributes").write_text("*.yaml filter=lfs\n")
    repository.commit(shop__api_yaml=API.replace("parts/a.yaml", "link.yaml"))
    found = refresh(data, document(server))
    assert (found.result, "link.yaml, which is no file here" in found.error) == ("refused", True), found.error


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"path": "shop/none.yaml"}, "has no file shop/none.yaml"),
        ({"networks": []}, "which is not public"),
        ({"authorization_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_is_wrong_is_told(server: Server, tmp_path: Path, fields: dict[str, object], told: str) -> None:
    """And nothing raises."""
    Repository(server).commit(shop__api_yaml=API, shop__parts__a_yaml="get: {}\n")
    found = refresh(tmp_path / "var", document(server, **fields))
    assert (found.result, told in found.error) == ("failed", True), found.error


def test_folders_have_limits(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and bytes of the document's folder; what is no JSON or YAML does not count."""
    Repository(server).commit(shop__api_yaml=API, shop__parts__a_yaml="get: {}\n", shop__photo="x" * 5000)
    monkeypatch.setattr(git, "MAX_DOCUMENT_BYTES", 1000)
    assert refresh(tmp_path / "var", document(server)).result == "changed"
    monkeypatch.setattr(git, "MAX_FILES", 1)
    found = refresh(tmp_path / "other", document(server))
    assert "has more than" in found.error


def test_documents_at_the_top_are_found(server: Server, tmp_path: Path) -> None:
    """A repository may have its document in no folder."""
    Repository(server).commit(api_yaml="openapi: 3.1.0\npaths: {/a: {get: {}}}\n")
    assert refresh(tmp_path / "var", document(server, path="api.yaml")).result == "changed"
