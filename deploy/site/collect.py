"""Hook of MkDocs: collects the documents from where they are, and writes those that come out of the code.

A document stays in the repository beside what it describes. `SOURCES` says where it stands in the site; links
between documents become links of the site. A link to another file of the repository leads to a copy of it
below ``files``, a link to a folder to a list of its files.
"""

import json
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from essays import page as essay  # noqa: E402
from notebook import notebook  # noqa: E402
from reference import PAGES  # noqa: E402

from deploy.release import version  # noqa: E402 - now that it is found

SOURCES = {
    "README.md": "index.md",
    "deploy/newcomer/README.md": "tutorials/first-hour.md",
    "deploy/own-data.md": "tutorials/own-data.md",
    "online_models/tutorial.md": "tutorials/models.md",
    "deploy/experiments.md": "tutorials/experiments.md",
    "deploy/install.md": "how-to/install.md",
    "deploy/README.md": "how-to/operate.md",
    "schemas/README.md": "how-to/messages.md",
    "CONTRIBUTING.md": "how-to/contribute.md",
    "deploy/concepts.md": "explanation/concepts.md",
    "online_models/README.md": "explanation/models.md",
    "deploy/event-path.md": "explanation/event-path.md",
    "deploy/situations.md": "explanation/situations.md",
    "deploy/limits.md": "explanation/limits.md",
    "deploy/reference.md": "reference/operators.md",
    "deploy/modules.md": "reference/modules.md",
    "CHANGELOG.md": "reference/changelog.md",
    "tests/benchmarks/README.md": "explanation/benchmarks.md",
}
"""Place in the site by place in the repository; decisions come on top, and all others are guides."""
ESSAYS = {
    "explanation/how-it-works.md": ("How it works", "streams"),
    "explanation/how-it-learns.md": ("How it learns", "online_models"),
}
"""Title and package, by the place in the site."""
ELSEWHERE = ("tests/", "deploy/adr/", "deploy/site/", "streams/serve/web/static/vendor/")
"""Documents that are no pages, but for those of `SOURCES`, and the pages that are here already."""
DECISIONS = "explanation/decisions"
TUTORIAL, NOTEBOOK = "online_models/tutorial.md", "tutorials/models.ipynb"
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):(?=<code>)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give each version a folder of its own, and the decisions a place in the navigation."""
    config.site_dir = str(Path(config.site_dir) / version())
    (guides,) = (one["How-to"] for one in config.nav or [] if "How-to" in one)
    guides.extend(place for _, place in sorted(_guides().items()))
    (explanation,) = (one["Explanation"] for one in config.nav or [] if "Explanation" in one)
    explanation.append({"Decisions": [place for _, place in sorted(_decisions().items())]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add all pages."""
    places = SOURCES | _guides() | _decisions()
    others: set[str] = set()
    for source, place in places.items():
        text = _linked((ROOT / source).read_text(encoding="utf-8"), source, places, others)
        if place == "index.md":
            text = f"---\nhide: [navigation]\n---\n\n{text}"
        if source == TUTORIAL:
            title, _, rest = text.partition("\n")
            text = f"{title}\n\n[Open as a notebook]({Path(NOTEBOOK).name}){{.md-button}}\n{rest}"
        files.append(File.generated(config, place, content=text))
    files.append(File.generated(config, f"{DECISIONS}/index.md", content=_list_of_decisions()))
    for place, (title, package) in ESSAYS.items():
        files.append(File.generated(config, place, content=essay(title, package)))
    for place, written in PAGES.items():
        files.append(File.generated(config, place, content=written()))
    files.append(File.generated(config, NOTEBOOK, content=notebook((ROOT / TUTORIAL).read_text("utf-8"))))
    for other in sorted(others):
        for place, source in _copies(other):
            given = {"abs_src_path": str(source)} if source.is_file() else {"content": _listing(source)}
            files.append(File.generated(config, place, **given))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Give the pages that are written here links of the site."""
    if page.file.generated_by:
        return markdown
    source = (Path(__file__).parent / "pages" / page.file.src_uri).relative_to(ROOT).as_posix()
    return _linked(markdown, source, SOURCES | _guides() | _decisions() | {source: page.file.src_uri}, set())


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Leave out Sphinx's roles, which docstrings have beside names."""
    return ROLE.sub("", html)


def on_post_build(config: MkDocsConfig) -> None:
    """List the versions that are there, for the site's own choice of versions, and lead to this one."""
    site, number = Path(config.site_dir).parent, version()
    numbers = sorted((path.parent.name for path in site.glob("*/search")), reverse=True)
    entries = [
        {"version": one, "title": one, "aliases": ["latest"] if one == number else []} for one in numbers
    ]
    (site / "versions.json").write_text(json.dumps(entries), encoding="utf-8")
    lead = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={number}/">'
    (site / "index.html").write_text(f'{lead}<a href="{number}/">nearline {number}</a>\n', encoding="utf-8")


def _guides() -> dict[str, str]:
    """Return the documents that have no other place, by their names, or those of their folders."""
    found = [path for path in _known("*.md") if path not in SOURCES and not path.startswith(ELSEWHERE)]
    return {path: f"how-to/{_name(Path(path))}.md" for path in found}


def _name(path: Path) -> str:
    return path.parent.name if path.stem == "README" else path.stem


def _decisions() -> dict[str, str]:
    found = sorted((ROOT / "deploy/adr").glob("*.md"))
    return {path.relative_to(ROOT).as_posix(): f"{DECISIONS}/{path.name}" for path in found}


def _list_of_decisions() -> str:
    lines = ["# Decisions\n\nWhy things are as they are: context, decision, alternatives, consequences.\n\n"]
    for source in _decisions():
        title = (ROOT / source).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        number, _, words = title.partition(". ")
        lines.append(f"* [{number}: {words}]({Path(source).name})\n")
    return "".join(lines)


def _linked(text: str, source: str, places: dict[str, str], others: set[str]) -> str:
    """Return a document with the links of the site; what they name besides documents goes to ``others``."""

    def replaced(found: re.Match[str]) -> str:
        target, mark, anchor = found[2].partition("#")
        if not target or re.match(r"\w+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = places.get(path) or {"deploy/adr": f"{DECISIONS}/index.md"}.get(path)
        if place is None:
            others.add(path)
            place = f"files/{path}/index.md" if (ROOT / path).is_dir() else _copy(path)
        there = posixpath.relpath(place, posixpath.dirname(places[source]) or ".")
        return f"{found[1]}{there}{mark}{anchor}{found[3]}"

    parts = FENCE.split(text)
    return "".join(part if n % 2 else LINK.sub(replaced, part) for n, part in enumerate(parts))


def _copy(path: str) -> str:
    """Return the place of a file of the repository; Markdown that is no page is shown as text."""
    return f"files/{path}.txt" if path.endswith((".md", ".py")) else f"files/{path}"


def _copies(path: str) -> Iterator[tuple[str, Path]]:
    """Yield place and source of a file, or of a folder's list and of all that it lists."""
    if (ROOT / path).is_dir():
        yield f"files/{path}/index.md", ROOT / path
        for each in _known(path):
            yield _copy(each), ROOT / each
    else:
        yield _copy(path), ROOT / path


def _listing(folder: Path) -> str:
    path = folder.relative_to(ROOT).as_posix()
    lines = [
        f"* [{each[len(path) + 1 :]}]({posixpath.relpath(_copy(each), f'files/{path}')})\n"
        for each in _known(path)
    ]
    return f"# {path}\n\n" + "".join(lines)


def _known(path: str) -> list[str]:
    """Return the files of a folder that git knows."""
    command = ["git", "ls-files", "--", path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - git
    return done.stdout.splitlines()
