"""The published contract is the code's own: schemas current, samples valid, every topic described."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge.core import wire
from edge.core.wire import contract

DOCS = Path(__file__).resolve().parents[3] / "docs"
SAMPLES = sorted((DOCS / "samples").glob("*.json"))


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _message(sample: Path) -> str:
    """``body.passage.json`` is a sample of ``body``."""
    return sample.name.split(".")[0]


def test_published_files_are_current() -> None:
    documents = _generator().documents()
    stale = [p.name for p, text in documents.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    assert stale == [], "run: python docs/generate.py"
    assert {p.name for p in (DOCS / "schemas").iterdir()} == {p.name for p in documents} - {"asyncapi.json"}


@pytest.mark.parametrize("name", contract.MESSAGES)
def test_schemas_are_schemas_and_every_message_has_a_sample(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(contract.schemas()[name])
    assert name in {_message(s) for s in SAMPLES}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.stem)
def test_samples_agree_with_schema_and_code(sample: Path) -> None:
    data = sample.read_bytes()
    name = _message(sample)
    validator = jsonschema.Draft202012Validator(
        contract.schemas()[name], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    assert list(validator.iter_errors(json.loads(data))) == []
    message = wire.decode_body(data) if name == "body" else wire.decode(data, contract.MESSAGES[name])
    validator.validate(json.loads(wire.encode(message)))
    if isinstance(message, wire.PassageEnvelope):
        assert message.body()[:4] == b"BPS1"
    if isinstance(message, wire.Signed):
        assert wire.decode(message.parts()[0], wire.AckPayload).kind == "ack"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.stem)
def test_a_sample_without_a_required_field_is_refused_by_both(sample: Path) -> None:
    name = _message(sample)
    schema = contract.schemas()[name]
    whole = json.loads(sample.read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    refused = 0
    for field in whole:
        less = {k: v for k, v in whole.items() if k != field}
        by_schema = not validator.is_valid(less)
        try:
            data = json.dumps(less).encode()
            _ = wire.decode_body(data) if name == "body" else wire.decode(data, contract.MESSAGES[name])
            by_code = False
        except wire.WireError:
            by_code = True
        assert by_schema == by_code, field
        refused += by_code
    assert refused


def test_every_topic_is_in_the_asyncapi_document_and_no_other() -> None:
    document = contract.asyncapi()
    addresses = {c["address"].replace("{device}", "{d}") for c in document["channels"].values()}
    assert addresses == {str(t) for t in wire.Topic}
    assert document["asyncapi"].startswith("3.")
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]
    for channel in document["channels"].values():
        for message in channel["messages"].values():
            assert message["$ref"].removeprefix("#/components/messages/") in document["components"]["messages"]
    for message in document["components"]["messages"].values():
        payload = message["payload"]
        assert payload.get("format") == "binary" or (DOCS / payload["$ref"]).exists()


def test_the_page_names_every_topic_schema_and_sample() -> None:
    page = (DOCS / "messages.md").read_text(encoding="utf-8")
    names = [str(t) for t in wire.Topic] + [f"schemas/{n}.json" for n in contract.MESSAGES]
    names += [f"samples/{s.name}" for s in SAMPLES]
    assert [n for n in names if n not in page] == []
