"""What a release has besides its wheel and sdist: ``python -m deploy.release`` writes it to ``dist``.

Notes (the section of `CHANGELOG.md`), the context of the image's build (``docker build -f deploy/Dockerfile
-`` reads it), and a bill of materials in CycloneDX's format out of `deploy/image.lock`. The version stands in
`pyproject.toml`; ``python -m deploy.generate`` keeps it equal in `PLACES`.
"""

import argparse
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = (
    "docker-compose.yml",
    "deploy/Dockerfile",
    "deploy/helm/nearline/Chart.yaml",
    "deploy/kubernetes/overlays/development/kustomization.yaml",
    "deploy/kubernetes/overlays/production/kustomization.yaml",
)
"""Files that name our image, or our chart, with its version."""
IMAGE = re.compile(
    r"(?:(?<=nearline:)|(?<=newTag: )|(?<=^version: )|(?<=^appVersion: ))\d+\.\d+\.\d+", re.MULTILINE
)
SBOM = ("tool", "run", "--quiet", "--from", "cyclonedx-bom>=7,<8", "cyclonedx-py", "requirements")
"""Of uv, which fetches the program: nothing else needs it."""


def version() -> str:
    """Return the version, from the one place where it is written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def with_version(text: str, number: str) -> str:
    """Return a file's text with our image in a version.

    >>> with_version("image: nearline:0.1.0", "0.2.0")
    'image: nearline:0.2.0'
    """
    return IMAGE.sub(number, text)


def notes(changelog: str, number: str) -> str:
    r"""Return the changelog's section of a version; the section *Unreleased* if it has none of its own.

    >>> notes("# Changelog\n\n## Unreleased\n\n* New.\n\n## 0.1.0\n\n* First.\n", "0.1.0")
    '# nearline 0.1.0\n\n* First.\n'
    """
    sections = dict(
        re.findall(r"^## (?:\[?)([^\s\]]+).*?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    )
    found = sections.get(number, sections.get("Unreleased"))
    if found is None:
        msg = f"CHANGELOG.md has no section {number} and none that is called Unreleased: add one"
        raise ValueError(msg)
    return f"# nearline {number}\n\n{found.strip()}\n"


def context_files(root: Path = ROOT) -> list[str]:
    """Return the files of the image's build: what .dockerignore lets through, if git knows it."""
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    command = ["git", "ls-files", "--", "deploy/Dockerfile", ".dockerignore", *allowed]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)  # noqa: S603 - git
    return sorted(done.stdout.splitlines())


def write_context(out: Path) -> None:
    """Pack the files of the image's build."""
    with tarfile.open(out, "w:gz") as archive:
        for name in context_files():
            archive.add(ROOT / name, arcname=name, recursive=False)


def write_bill_of_materials(out: Path) -> None:
    """List the packages of the image, with versions and hashes."""
    uv = Path(sys.executable).with_name("uv")
    options = ("--pyproject", "pyproject.toml", "--mc-type", "application", "--output-reproducible")
    command = [uv, *SBOM, "deploy/image.lock", *options, "--output-file", out]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - uv, with our own words


def main(words: list[str] | None = None) -> None:
    """Write notes, context and bill of materials."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    out = parser.parse_args(words).out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    name = f"nearline-{version()}"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (out / f"{name}-notes.md").write_text(notes(changelog, version()), encoding="utf-8")
    write_context(out / f"{name}-image-context.tar.gz")
    write_bill_of_materials(out / f"{name}-sbom.cdx.json")
    for path in sorted(out.glob(f"{name}*")):
        sys.stdout.write(f"{path.stat().st_size / 1e6:8.2f} MB  {path.name}\n")


if __name__ == "__main__":
    main()
