"""Which column of a file is which field: kept as a TOML file.

A mapping file has a table ``columns`` (field = column) and a table ``options``::

    kind = "history"

    [columns]
    viewer_id = "userId"
    title_id = "movieId"
    time = "timestamp"
    rating = "rating"

    [options]
    time_unit = "s"
    rating_scale = 5

Fields that it does not name are not imported. The fields and options of both kinds are those of
`streams.ops.imports.fields`; `nearline import fields` lists them.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from streams.errors import ImportFileError
from streams.ops.imports.fields import FIELDS, OPTIONS
from streams.ops.imports.sources import SourceFile

__all__ = ["ColumnMapping", "read_mapping"]


@dataclass(slots=True)
class ColumnMapping:
    """Which column is which field, and how its values are read.

    Attributes
    ----------
    kind
        ``history`` or ``catalog``.
    columns
        Column of each field.
    options
        See `OPTIONS`.
    maturity
        Minimum age of each word in a column ``maturity`` that is no number.
    separators
        Characters between the items of a list, by field, where they are not the option ``list_separator``.
    """

    kind: str
    columns: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    maturity: dict[str, int] = field(default_factory=dict)
    separators: dict[str, str] = field(default_factory=dict)

    def toml(self) -> str:
        """Write the mapping file.

        Examples
        --------
        >>> print(ColumnMapping("history", {"time": "ts"}, {"time_unit": "s"}).toml())
        kind = "history"
        <BLANKLINE>
        [columns]
        time = "ts"
        <BLANKLINE>
        [options]
        time_unit = "s"
        <BLANKLINE>
        """
        parts = [f'kind = "{self.kind}"\n']
        for name, table in (
            ("columns", self.columns),
            ("options", self.options),
            ("maturity", self.maturity),
            ("separators", self.separators),
        ):
            if table:
                lines = (
                    f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items()
                )
                parts.append(f"[{name}]\n{''.join(lines)}")
        return "\n".join(parts)

    def check(self, source: SourceFile) -> None:
        """Check fields, columns and options.

        Raises
        ------
        ImportFileError
            A required field has no column, or something is named that does not exist.
        """
        fields = FIELDS[self.kind]
        missing = [name for name, one in fields.items() if one.required and name not in self.columns]
        if missing:
            what = f"no column of {source.path.name} is known to be {' and '.join(missing)}"
            step = f"name it: {' '.join(f'--column {name}=COLUMN' for name in missing)}"
            raise ImportFileError(what, why=f"its columns are {', '.join(source.names)}", next_step=step)
        for name, column in self.columns.items():
            if name not in fields:
                _refuse("field", name, fields)
            if column not in source.names:
                _refuse(f"column of {source.path.name}", column, source.names)
        for name in self.separators:
            if name not in self.columns:
                _refuse("list", name, self.columns)
        for name, value in self.options.items():
            if name not in OPTIONS:
                _refuse("option", name, OPTIONS)
            allowed = OPTIONS[name][1]
            scale = name.endswith("_scale") and isinstance(value, int | float) and value > 0
            if not scale and value not in allowed and name != "list_separator":
                _refuse(f"value of {name}", str(value), map(str, allowed))


def _refuse(what: str, name: str, allowed: Iterable[str]) -> NoReturn:
    text = f"{name} is no {what}"
    raise ImportFileError(text, why=f"there are {', '.join(allowed)}", next_step="correct the mapping")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def read_mapping(path: Path, kind: str) -> ColumnMapping:
    """Read a mapping file.

    Raises
    ------
    ImportFileError
        It is not readable, or of another kind.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = f"{path} is no mapping file"
        raise ImportFileError(
            what, why=str(error), next_step="correct it, or delete it to guess anew"
        ) from None
    if found.get("kind", kind) != kind:
        what = f"{path} is the mapping of a {found['kind']}"
        raise ImportFileError(what, next_step=f"give the mapping of a {kind}")
    tables = {name: found.get(name, {}) for name in ("columns", "options", "maturity", "separators")}
    strange = {*found} - {*tables, "kind"} | {n for n, one in tables.items() if not isinstance(one, dict)}
    if strange:
        what = f"{path} has no table {', '.join(sorted(strange))}"
        raise ImportFileError(what, next_step="its tables are columns, options, maturity and separators")
    return ColumnMapping(kind, **tables)
