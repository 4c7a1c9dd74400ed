"""Writes a waiver into `.snitch.yml`."""

from __future__ import annotations

from checks.read import Unparsable, yaml, yaml_edit


def with_waiver(data: bytes, rule: str, until: str, reason: str) -> bytes | None:
    """A `.snitch.yml` with a waiver, its comments and layout kept: a waiver of the same rule is renewed,
    else it stands first.

    None where the file can't be edited so.
    """
    try:
        stream = yaml.parse(data)
        waivers = yaml.items(yaml.get(stream.documents[0].root, "waive")) if stream.documents else ()
        for index, one in enumerate(waivers):
            if yaml.text_of(yaml.get(one, "rule")) == rule:
                return _renewed(data, index, (("until", until), ("reason", reason)))
    except Unparsable:
        return None
    if len(stream.documents) > 1:
        return None
    document = stream.documents[0] if stream.documents else None
    return yaml_edit.with_first_item(stream, document, "waive", (("rule", rule), ("until", until), ("reason", reason)))


def _renewed(data: bytes, index: int, texts: tuple[tuple[str, str], ...]) -> bytes | None:
    """The file with other texts at keys of one waiver, which has them all."""
    for key, text in texts:
        stream = yaml.parse(data)
        scalar = yaml.get(yaml.items(yaml.get(stream.documents[0].root, "waive"))[index], key)
        new = yaml_edit.replaced(stream, scalar, text) if isinstance(scalar, yaml.Scalar) else None
        if new is None:
            return None
        data = new
    return data
