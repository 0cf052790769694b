"""The page of the REST interface's operations, from its OpenAPI document."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server.api import openapi

PATH = "reference/rest.md"
_PREFACE = """# Operations by REST

Made from the OpenAPI document that `counterpoise console` serves at `/api/v1/openapi.json`. [The REST
interface](../api.md) says what all have in common; [the commands](../operations.md) have ranges and defaults.
"""
_HEADING = "\n| argument | in | type | what it is |\n| --- | --- | --- | --- |\n"
Schema = Mapping[str, Any]


def page() -> str:
    """The page: a section for each noun, in it one for each operation."""
    document = openapi.document()
    nouns: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "tags" in operation:
                text = _operation(method.upper(), path, operation)
                nouns.setdefault(operation["tags"][0], []).append(text)
    return _PREFACE + "".join(f"\n## {noun}\n{''.join(texts)}" for noun, texts in nouns.items())


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    words = f"{operation.get('summary', '')}\n\n{operation.get('description', '')}"
    parts = [f"\n### {method} {path}\n\n{words}\n"]
    lines = [*_arguments(operation)]
    if lines:
        parts += [_HEADING, *lines]
    return "".join(parts)


def _arguments(operation: Mapping[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        if "name" in parameter:
            yield _line(parameter["name"], parameter["in"], parameter["schema"],
                        parameter.get("required", False), parameter.get("description", ""))
    for content in list(operation.get("requestBody", {}).get("content", {}).values())[:1]:
        schema = content["schema"]
        for name, of in schema.get("properties", {}).items():
            yield _line(name, "body", of, name in schema.get("required", ()), of.get("description", ""))


def _line(name: str, place: str, schema: Schema, required: bool, words: str) -> str:
    cells = (f"`{name}`", place, _type(schema) + (", required" if required else ""),
             (words or schema.get("description", "")).replace("|", "\\|").replace("\n", " "))
    return f"| {' | '.join(cells)} |\n"


def _type(schema: Schema) -> str:
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return " or ".join(dict.fromkeys(map(_type, alternatives)))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    kinds = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if kinds == "array":
        kinds = f"several: {_type(schema.get('items', {}))}"
    return " ".join(filter(None, (kinds, schema.get("format", ""), schema.get("x-unit", ""))))
