"""The OpenAPI document says of every operation what its declaration says, and its page needs nothing else."""
from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from server.api import docs, openapi, routes
from server.operations.declaration import UploadedFile
from tests.conftest import on_sqlite
from tests.server.api.conftest import Program


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(openapi.as_bytes()))


def described(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What the document says of an operation."""
    route = routes.routes()[name]
    return dict(document["paths"][routes.ROOT + route.path][route.method.lower()])


def test_every_operation_is_in_it_with_each_argument_once(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == len(routes.PATHS) + 9  # of /session, /operations and /stream
    for name, route in routes.routes().items():
        said = described(document, name)
        parameters = [parameter["name"] for parameter in said["parameters"] if parameter["in"] != "header"]
        bodies = said.get("requestBody", {"content": {}})["content"].values()
        in_body = {key for body in bodies for key in body["schema"]["properties"]}
        assert not in_body & set(parameters) and len(parameters) == len(set(parameters))
        names = {argument.name for argument in (*route.in_path, *route.others)}
        assert names <= in_body | set(parameters), name
        assert said["x-role"] == route.operation.role and said["x-dry-run"] == route.operation.has_dry_run
        assert said["summary"] and set(route.verbs) <= set(said["tags"])
        assert ("multipart/form-data" in said.get("requestBody", {"content": {}})["content"]) is any(
            argument.kind is UploadedFile for argument in route.others)


def test_the_stream_and_the_sign_in_elsewhere_are_in_it(document: dict[str, Any]) -> None:
    said = document["paths"]["/api/v1/stream"]["get"]
    assert list(said["responses"]["200"]["content"]) == ["text/event-stream"]
    assert {"401", "403", "429", "503"} <= said["responses"].keys()
    kind, *_ = [parameter for parameter in said["parameters"] if parameter["name"] == "kind"]
    assert "alarm" in kind["schema"]["items"]["enum"]
    assert "Last-Event-ID" in [parameter["name"] for parameter in said["parameters"]]
    for path in ("/session/openid", "/session/openid/back"):
        said = document["paths"][routes.ROOT + path]["get"]
        assert "303" in said["responses"] and said["security"] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        part: Any = document
        for key in reference.split("/"):
            part = part[key]
        assert part


def test_units_ranges_choices_and_defaults_are_those_of_the_declaration(document: dict[str, Any]) -> None:
    body = described(document, "dispatch order")["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["vder", "duration_s"] and body["additionalProperties"] is False
    assert body["properties"]["target_w"]["x-unit"] == "W"
    assert body["properties"]["power_factor"]["minimum"] == 0.01
    assert body["properties"]["policy"]["default"] in body["properties"]["policy"]["enum"]
    assert body["properties"]["start"]["format"] == "date-time"
    update = described(document, "vder update")["requestBody"]["content"]["application/json"]["schema"]
    assert update["properties"]["import_limit_w"]["anyOf"][1] == {"type": "string", "enum": ["inf"]}
    password = described(document, "user password")["requestBody"]["content"]["application/json"]["schema"]
    assert password["properties"]["password"]["writeOnly"] is True


def test_a_list_says_that_it_comes_by_pages(document: dict[str, Any]) -> None:
    said = described(document, "device list")
    page = said["responses"]["200"]["content"]["application/json"]["schema"]
    assert page["properties"]["items"]["items"] == {"$ref": "#/components/schemas/DeviceRow"}
    assert {"limit", "cursor", "fields"} <= {parameter["name"] for parameter in said["parameters"]}
    row = document["components"]["schemas"]["DeviceRow"]
    assert "lfdi" in row["required"] and {"type": "string", "format": "date-time"} in (
        row["properties"]["last_contact_at"]["anyOf"])


def test_what_destroys_has_the_answer(document: dict[str, Any]) -> None:
    names = [parameter["name"] for parameter in described(document, "vder delete")["parameters"]]
    assert "yes" in names and "Needs yes=true" in described(document, "vder delete")["description"]


@on_sqlite
def test_it_is_read_without_a_token(program: Program) -> None:
    answer = program.send("GET", "/openapi.json", token="")
    assert answer.status_code == 200 and answer.data == openapi.as_bytes()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files as the package has them."""
    for folder, name in (("js", "swagger-ui-bundle.js"), ("css", "swagger-ui.css")):
        file = tmp_path / "templates" / "swagger" / folder / name
        file.parent.mkdir(parents=True)
        file.write_text(name)
    spec = ModuleSpec(docs.PACKAGE, None)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(docs, "find_spec", lambda name: spec)
    yield
    assert docs.PACKAGE not in sys.modules


@on_sqlite
def test_the_page_takes_everything_from_here(program: Program, package: None) -> None:
    page = program.client.open("/api/docs")
    assert page.status_code == 200 and "connect-src 'self'" in page.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.data.decode())
    assert len(addresses) == 3 and all(address.startswith("/api/docs/") for address in addresses)
    for address in addresses:
        assert program.client.open(address).status_code == 200
    assert b'"/api/v1/openapi.json"' in program.client.open("/api/docs/start.js").data
    assert program.client.open("/api/docs/nothing.js").status_code == 404


@on_sqlite
def test_without_the_package_the_page_says_what_to_install(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "find_spec", lambda name: None)
    answer = program.client.open("/api/docs")
    assert answer.status_code == 501 and b"pip install 'counterpoise[api]'" in answer.data
