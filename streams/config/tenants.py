"""One tenant's installation among others on the same brokers: what keeps them apart.

A tenant has topics, a consumer group, transactional ids and a folder of its own, all named after it, so that
no process of one tenant ever asks for another's. What its producers send under another tenant's name is
refused. Brokers enforce it with prefixed ACLs; here it is made impossible by mistake.
"""

from pathlib import Path
from typing import Any

__all__ = ["apart"]


def apart(values: dict[str, Any], *, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they are for their tenant: prefix, group and folder begin with its name.

    What begins so already stays, since worker processes are started with the settings of their parent.

    Parameters
    ----------
    values
        Settings by name, as given.
    defaults
        Of ``topic_prefix``, ``group`` and ``state_dir``.

    Examples
    --------
    >>> given = {"tenant": "acme", "topic_prefix": "test."}
    >>> found = apart(given, defaults={"topic_prefix": "", "group": "nearline", "state_dir": Path("state")})
    >>> found["topic_prefix"], found["group"], found["state_dir"].as_posix()
    ('acme.test.', 'acme.nearline', 'state/acme')
    >>> apart(found, defaults={}) == found
    True
    """
    tenant = values.get("tenant")
    if not tenant:
        return values
    out, start = dict(values), f"{tenant}."
    for name in ("topic_prefix", "group"):
        said = str(out.get(name, defaults.get(name, "")))
        out[name] = said if said.startswith(start) else f"{start}{said}"
    folder = Path(out.get("state_dir", defaults.get("state_dir", ".")))
    out["state_dir"] = folder if tenant in folder.parts else folder / tenant
    return out
