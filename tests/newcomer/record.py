"""What is written down of a run: commands, what they printed, pictures, in Markdown."""

import base64
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 14
"""Lines of an output that are written down; what is left out is said."""
WIDE = 150
"""Characters of a line that are."""


class StepFailedError(Exception):
    """A step of the newcomer's run did not do what the READMEs say: its output says what."""


@dataclass
class Record:
    """A run that is being written down.

    Parameters
    ----------
    clone
        Where commands run.
    variables
        Their settings.
    aliases
        Texts of this machine, and what stands for them in the record.
    """

    clone: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def head(self, text: str, said: str) -> None:
        """Begin a step."""
        self.lines += [f"## {text}", "", self._clean(said), ""]

    def say(self, text: str) -> None:
        """Write a paragraph."""
        self.lines += [self._clean(text), ""]

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write a table."""
        made = [
            [self._clean(str(cell)).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows
        ]
        self.lines += [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
        self.lines += [f"| {' | '.join(row)} |" for row in made] + [""]

    def picture(self, name: str, jpeg_base64: str, said: str) -> None:
        """Keep a picture, and show it."""
        self.pictures[name] = base64.b64decode(jpeg_base64)
        self.lines += [f"![{said}]({name})", ""]

    def run(
        self,
        command: str,
        *,
        code: int = 0,
        shown: str | None = None,
        folder: str = ".",
        variables: Mapping[str, str] | None = None,
        timeout_s: float = 900.0,
        lines: int = SHOWN,
    ) -> str:
        """Run a command, write it down with what it printed, and return its standard output.

        Parameters
        ----------
        command
            As a newcomer types it.
        code
            Exit code that it has to have.
        shown
            What is written in the command's place, and no output; for what the reader need not see.
        folder
            Below the clone.
        variables
            More settings, for this command.
        timeout_s, lines
            Seconds that it may take; lines of output that are written down.

        Raises
        ------
        StepFailedError
            It ended otherwise.
        """
        done = subprocess.run(
            shlex.split(command),
            cwd=self.clone / folder,
            env=os.environ | self.variables | (variables or {}),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != code:
            what = f"{command}: code {done.returncode}\n{done.stdout}\n{done.stderr}"
            raise StepFailedError(what)
        if shown != "":
            self.printed(shown or command, done.stdout or done.stderr, lines)
        return done.stdout

    def printed(self, command: str, output: str, lines: int = SHOWN) -> None:
        """Write a command and what it printed."""
        found = [line[:WIDE] for line in self._clean(output).splitlines() if line.strip()]
        left = len(found) - lines
        found = [*found[:lines], f"… {left} more lines"] if left > 0 else found
        self.lines += ["```console", f"$ {self._clean(command)}", *found, "```", ""]

    def write(self, folder: Path) -> None:
        """Write the record and its pictures."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.pictures.items():
            (folder / name).write_bytes(data)
        (folder / "README.md").write_text("\n".join(self.lines).rstrip() + "\n", encoding="utf-8")

    def _clean(self, text: str) -> str:
        """Take this machine's names and the terminal's colours out."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        for own, alias in self.aliases.items():
            text = text.replace(own, alias)
        return text
