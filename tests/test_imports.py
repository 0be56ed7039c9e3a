"""Who may import what: the rules of the architecture that name the only files allowed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OUR_CODECS = ("drivers.elyctis", "drivers.text", "drivers.framing")
PACKAGES = ("common", "edge", "drivers", "provisioning", "hq", "demo")

# library -> the only modules (or packages, by prefix) that may import it
ONLY_IN: dict[str, tuple[str, ...]] = {
    "serial": ("drivers.transport", "drivers.discovery", "drivers.virtual"),
    "usb": ("drivers.transport", "drivers.discovery", "drivers.virtual"),
    "usbip": ("drivers.virtual",),  # a development package: product code must do without it
    "paho": ("common.line",),
    "sqlite3": ("edge.journal", "edge.state", "hq.store", "provisioning.store"),
    "sqlite_utils": ("edge.journal", "edge.state", "hq.store", "provisioning.store"),
}
# beyond import-linter's contracts: cryptography inside the pure core stands in one file
CORE_ONLY_IN: dict[str, tuple[str, ...]] = {"cryptography": ("edge.core.sealing",)}
CORE_ALLOWED = {"msgspec", "rapidfuzz", "numpy", "cryptography", "edge"}
CORE_STDLIB = {
    "__future__", "abc", "array", "ast", "base64", "binascii", "bisect", "collections", "dataclasses", "datetime",
    "enum", "functools", "hashlib", "heapq", "hmac", "inspect", "itertools", "json", "math", "operator", "re", "string",
    "struct", "types", "typing", "unicodedata", "weakref", "zlib", "tomllib", "contextlib",
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), path))
    return found


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stands_only_where_the_house_allows_it(library: str) -> None:
    strangers = [
        name
        for name, path in modules()
        if any(within(i, (library,)) for i in imports(path)) and not within(name, ONLY_IN[library])
    ]
    assert strangers == []


def test_the_core_imports_nothing_but_pure_things() -> None:
    for name, path in modules():
        if not within(name, ("edge.core",)):
            continue
        for imported in imports(path):
            top = imported.split(".")[0]
            assert top in CORE_ALLOWED | CORE_STDLIB, f"{name} imports {imported}"
            if top == "edge":
                assert within(imported, ("edge.core",)) or imported == "edge", f"{name} imports {imported}"
            if top in CORE_ONLY_IN:
                assert within(name, CORE_ONLY_IN[top]), f"{name} imports {imported}"


def test_headquarters_imports_of_the_box_its_core_alone() -> None:
    for name, path in modules():
        if within(name, ("hq",)):
            for imported in imports(path):
                if within(imported, ("edge",)) and imported != "edge":
                    assert within(imported, ("edge.core",)), f"{name} imports {imported}"


def test_the_common_room_imports_of_the_others_only_the_core() -> None:
    for name, path in modules():
        if within(name, ("common",)):
            for imported in imports(path):
                if imported.split(".")[0] in PACKAGES and imported not in ("edge", "common"):
                    assert within(imported, ("common", "edge.core")), f"{name} imports {imported}"


def test_provisioning_imports_of_the_box_what_the_house_allows() -> None:
    allowed = ("drivers.discovery", "edge.config", "edge.core", "edge.updates", "edge.clock")
    for name, path in modules():
        if within(name, ("provisioning",)):
            for imported in imports(path):
                if imported.split(".")[0] in {"edge", "drivers", "hq", "demo"}:
                    assert within(imported, allowed), f"{name} imports {imported}"


# The composition root: what builds the box, and its part that builds the devices.
COMPOSITION: dict[str, tuple[str, ...]] = {
    "edge.devices": (
        "drivers.catalog", "drivers.profiles", "drivers.discovery", "drivers.transport.serial_out",
    ),
}
# Verbs that work on devices without the box: they look and record, and open no driver by its name.
BESIDE_THE_BOX: dict[str, tuple[str, ...]] = {
    "edge.verbs.devices": ("drivers.discovery", "drivers.profiles"),
    "edge.verbs.record": ("drivers.trace", "drivers.masking", "drivers.named"),
    "edge.verbs.replay": ("drivers.trace", "drivers.masking", "drivers.named", "drivers.replays"),
    "edge.configured": ("drivers.named",),
    "edge.recording": ("drivers.trace", "drivers.masking", "drivers.named"),
    "edge.replaying": ("drivers.trace", "drivers.named", "drivers.replays"),
    # the part of the composition root that makes readers
    "edge.devices": ("drivers.catalog", "drivers.discovery", "drivers.profiles", "drivers.transport.serial_out"),
}


def test_only_the_composition_root_reaches_concrete_drivers() -> None:
    open_to_all = ("drivers.api",)
    for name, path in modules():
        if within(name, ("edge",)):
            for imported in imports(path):
                if within(imported, ("drivers",)) and imported != "drivers":
                    allowed = open_to_all + COMPOSITION.get(name, ()) + BESIDE_THE_BOX.get(name, ())
                    assert within(imported, allowed), f"{name} imports {imported}"


def test_the_virtual_devices_do_not_use_our_own_codecs() -> None:
    for name, path in modules():
        if within(name, ("drivers.virtual",)):
            for imported in imports(path):
                assert not within(imported, OUR_CODECS), f"{name}: {imported}"


def test_files_stay_short_enough_to_be_read() -> None:
    # Files named *_data are tables of facts, looked up and not read.
    long = {
        name: n for name, path in modules()
        if not name.endswith("_data") and (n := len(path.read_text("utf-8").splitlines())) > 330
    }
    assert long == {}
