"""Finding the control plane, and what people are told when it does not answer or refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run, Served


def test_nobody_answers(run: Run, tmp_path: Path) -> None:
    """Exit code 3, one sentence and what to do; no traceback."""
    result = run("status", "--data-dir", str(tmp_path))
    assert result.code == 3
    assert "no Starfort answers at" in result.err
    assert "starfort up" in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_found_by_the_configuration(run: Run, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration says where the data directory is, even when the rest of it is wrong."""
    monkeypatch.delenv("STARFORT_DATA_DIR")
    Path("starfort.yaml").write_text("data_dir: ./var\nlisteners: nonsense\n")
    assert run("status", "--json").code == 0
    Path("starfort.yaml").write_text("data_dir: ./var # here\nlisteners: [\n")
    assert run("status", "--json").code == 0
    Path("starfort.yaml").unlink()
    result = run("status")
    assert result.code == 2
    assert "--data-dir" in result.err


def test_from_elsewhere_with_a_token(run: Run, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--url` needs a token, and the token's role counts."""
    assert "STARFORT_TOKEN" in run("status", "--url", served.url).err
    token = run("token", "create", "ci").out.strip()
    monkeypatch.setenv("STARFORT_TOKEN", token)
    assert run("status", "--url", served.url).code == 0
    refused = run("user", "list", "--url", served.url)
    assert refused.code == 4
    assert "this needs the role admin; yours is viewer" in refused.err
    monkeypatch.setenv("STARFORT_TOKEN", "sft_wrong")
    unknown = run("status", "--url", served.url)
    assert unknown.code == 4
    assert "starfort token create" in unknown.err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://198.51.100.7:9443", "unencrypted"),
        ("ftp://x", "no address"),
        ("https://127.0.0.1:1", "no Starfort answers"),
    ],
)
def test_wrong_addresses(run: Run, monkeypatch: pytest.MonkeyPatch, url: str, words: str) -> None:
    """A token never goes unencrypted to another machine, and an address must be one that answers."""
    monkeypatch.setenv("STARFORT_TOKEN", "sft_x")
    assert words in run("status", "--url", url).err


def test_unexpected_failures_have_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug ends with 5 and a sentence; `--debug` shows where it is."""

    def fail() -> str:
        raise RuntimeError("broken inside")

    monkeypatch.setattr("starfort.cli.version._engine", fail)
    result = run("version")
    assert result.code == 5
    assert "broken inside" in result.err
    assert "Traceback" not in result.err
    with pytest.raises(RuntimeError, match="broken inside"):
        run("--debug", "version")


def test_usage_errors_end_with_2(run: Run) -> None:
    """An unknown option is a usage error."""
    assert run("status", "--no-such").code == 2


def test_shell_completion(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that asks for completions of a noun gets its verbs."""
    monkeypatch.setenv("_STARFORT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "starfort detectors ")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert run().out.split() == ["list", "show", "test", "backtest"]
