"""Who may import what: the rules of the architecture that name the only files allowed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from drivers.catalog import DRIVERS, SCANNERS

ROOT = Path(__file__).resolve().parents[1]
FAMILIES = tuple(entry.module for entry in (*DRIVERS.values(), *SCANNERS.values()))
# what turns bytes into reads: the families, their helpers, and what they share
OUR_CODECS = (
    *FAMILIES, "drivers.elyctis_doubt", "drivers.hid_layouts", "drivers.honeywell_lines",
    "drivers.framing", "drivers.rows", "drivers.settings", "drivers.reader",
    "drivers.uru4000_image", "drivers.uru4000_power", "drivers.uru4000_scan", "drivers.uru4000_wire",
)
PACKAGES = ("common", "edge", "drivers", "provisioning", "hq", "demo")

# library -> the only modules (or packages, by prefix) that may import it
ONLY_IN: dict[str, tuple[str, ...]] = {
    "serial": ("drivers.transport", "drivers.discovery", "drivers.virtual"),
    "usb": ("drivers.transport", "drivers.discovery", "drivers.virtual"),
    "usbip": ("drivers.virtual",),  # a development package: product code must do without it
    "paho": ("common.line",),
    "tuf": ("edge.updates", "hq.distribution", "hq.verbs"),
    "securesystemslib": ("hq.distribution", "hq.verbs"),
    "urllib3": ("edge.updates.https",),
    "sqlite3": ("edge.journal", "edge.state", "hq.store", "provisioning.store"),
    "sqlite_utils": ("edge.journal", "edge.state", "hq.store", "provisioning.store"),
}
# beyond import-linter's contracts: cryptography inside the pure core stands in two files, the keys and the one that
# reads certificate requests (docs/adr/0026)
CORE_ONLY_IN: dict[str, tuple[str, ...]] = {"cryptography": ("edge.core.sealing", "edge.core.provisioning.csr")}
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


# -- rule 5: who reaches concrete devices (docs/adr/0002-rooms.md says why) --------------------------------------

# The parts of the daemon's composition root, and who alone may import each.
COMPOSITION: dict[str, set[str]] = {
    "edge.app": {"edge.verbs.run", "edge.checks"},  # doctor asks its clocks
    "edge.front": {"edge.app"},
    "edge.devices": {"edge.front", "edge.checks"},  # doctor has it judge the configuration of the readers
    # doctor judges their configuration, health knows the type, one verb makes a scanner by name
    "edge.scanners": {
        "edge.app", "edge.front", "edge.health", "edge.checks_scanners", "edge.verbs.fingers.capture",
    },
}
# What any file of the box may know: the contract of devices, and a descriptor that threads ring.
OPEN_TO_ALL = ("drivers.api", "drivers.fingers", "drivers.transport.bell")
# Everybody else of the box who imports from drivers, and exactly what.
REACHES: dict[str, set[str]] = {
    # the part of the composition root that makes readers
    "edge.devices": {"drivers.catalog", "drivers.discovery", "drivers.profiles", "drivers.transport.serial_out"},
    "edge.scanners": {"drivers.catalog", "drivers.discovery", "drivers.named"},
    "edge.checks_twins": {"drivers.discovery"},  # doctor looks at what is plugged in, and opens nothing
    # verbs that work on a device without the daemon: roots of their own, which make it by name
    "edge.configured": {"drivers.named"},
    "edge.recording": {"drivers.named", "drivers.trace"},
    "edge.replaying": {"drivers.named"},
    "edge.verbs.devices": {"drivers.discovery", "drivers.profiles"},
    "edge.verbs.record": {"drivers.masking", "drivers.named", "drivers.trace"},
    "edge.verbs.replay": {"drivers.named", "drivers.replays", "drivers.trace"},
}


def importers(module: str) -> set[str]:
    return {name for name, path in modules() if name != module and module in imports(path)}


@pytest.mark.parametrize("part", COMPOSITION)
def test_the_parts_of_the_composition_root_are_imported_by_each_other_and_by_what_starts_them(part: str) -> None:
    assert importers(part) == COMPOSITION[part]


def test_who_reaches_concrete_devices_is_known_exactly() -> None:
    found: dict[str, set[str]] = {}
    for name, path in modules():
        if within(name, ("edge",)):
            reached = {i for i in imports(path) if within(i, ("drivers",)) and not within(i, OPEN_TO_ALL)}
            # a whole package is named by its parts: `from drivers import discovery`
            places = {next((p for p in REACHES.get(name, ()) if within(i, (p,))), i) for i in reached - {"drivers"}}
            if places:
                found[name] = places
    assert found == REACHES


def test_a_family_of_devices_is_reached_through_the_catalogue_alone() -> None:
    strangers = [
        (name, imported)
        for name, path in modules() if not within(name, ("drivers",))
        for imported in imports(path) if within(imported, FAMILIES)
    ]
    assert strangers == []


def test_the_virtual_devices_use_nothing_of_our_drivers() -> None:
    assert all((ROOT / f"{codec.replace('.', '/')}.py").exists() for codec in OUR_CODECS)
    for name, path in modules():
        if within(name, ("drivers.virtual",)):
            for imported in imports(path):
                assert not within(imported, OUR_CODECS), f"{name}: {imported}"  # the fault that would hide ours
                if within(imported, ("drivers",)):
                    assert within(imported, ("drivers.virtual",)), f"{name}: {imported}"


def test_files_stay_short_enough_to_be_read() -> None:
    # Files named *_data are tables of facts, looked up and not read.
    long = {
        name: n for name, path in modules()
        if not name.endswith("_data") and (n := len(path.read_text("utf-8").splitlines())) > 330
    }
    assert long == {}
