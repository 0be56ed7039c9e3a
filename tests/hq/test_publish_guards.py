"""What `borderpost-hq publish` refuses: half a list, a list of another kind, a folder that is no repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from keyed_kit import KEY, LIST, Told, base_bytes, changed, some

from edge.core.errors import BorderpostError
from edge.core.keyed import card as cards
from edge.core.keyed.keys import ListKey
from hq.cli import headquarters
from hq.distribution.errors import PublishError

KEYS = ("--key", "keys/list-sltd.pem")
CARD = cards.Card("sltd", "Invented", "documents", False, "Confirm with the NCB.")
MANY = some(200)
OTHER = ListKey(bytes(reversed(KEY)))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run("publish", "init", "repo", "--keys", "keys", "--list", "sltd")
    return tmp_path


def run(*words: str) -> str:
    done = CliRunner().invoke(headquarters, [*words])
    if isinstance(done.exception, BorderpostError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def publish(*words: str, source: str = "out") -> str:
    return run("publish", "list", "repo", "sltd", "--from", source, *KEYS, *words)


def keyed(place: Path, told: Told, generation: int, key: ListKey | None = None) -> None:
    folder = place / "out/sltd"
    folder.mkdir(parents=True, exist_ok=True)
    data = base_bytes(told, generation, last_layer=generation, key=key or LIST)
    (folder / f"base-{generation:010d}.sdl").write_bytes(data)
    (folder / "card.json").write_bytes(cards.encode(CARD))


def watch(numbers: Iterable[int], *, generation: int | None = None, out: str = "out") -> None:
    rows = "".join(f"A{number:07d},UTO,stolen\n" for number in numbers)
    Path("sltd.csv").write_text("document_number,issuing_state,fraud_category\n" + rows)
    more = ("--generation", str(generation)) if generation else ()
    run("lists", "build", "--out", out, "--source", "sltd-csv:sltd.csv", *more)


def without(share: float) -> Told:
    return changed(MANY, 2, [], list(MANY)[: round(share * len(MANY))])


def test_half_a_keyed_list_is_published_by_nobody_unsaid(place: Path) -> None:
    keyed(place, MANY, 1)
    assert "sltd (keyed): generation 1" in publish()
    keyed(place, without(0.5), 2)
    with pytest.raises(PublishError) as refused:
        publish()
    assert "leaves out 100 of the 200 records of generation 1" in refused.value.message
    assert "50.0%, more than 5.0%" in refused.value.message
    assert "--force" in refused.value.advice
    assert not list(place.glob("repo/.deltas-*"))
    assert "1 delta(s)" in publish("--max-removed", "50%")


def test_replaced_records_count_as_gone_although_there_are_as_many(place: Path) -> None:
    keyed(place, MANY, 1)
    publish()
    others = dict.fromkeys(list(some(400))[200:], 2)
    keyed(place, {**dict(list(MANY.items())[:150]), **dict(list(others.items())[:50])}, 2)
    with pytest.raises(PublishError, match=r"leaves out 50 of the 200 records .* 25\.0%"):
        publish()
    publish("--force")


@pytest.mark.parametrize("why", ["base gone", "base damaged", "another key"])
def test_without_the_base_before_the_counts_decide(place: Path, why: str) -> None:
    keyed(place, MANY, 1)
    publish()
    keyed(place, without(0.5), 2, OTHER if why == "another key" else None)
    base = place / "out/sltd/base-0000000001.sdl"
    if why == "base gone":
        base.unlink()
    elif why == "base damaged":
        base.write_bytes(base.read_bytes()[:-9] + b"123456789")
    with pytest.raises(PublishError, match="leaves out at least 100 of the 200 records"):
        publish()
    publish("--force")


def test_a_few_records_less_are_published_as_ever(place: Path) -> None:
    keyed(place, MANY, 1)
    publish()
    keyed(place, without(0.05), 2)
    publish()
    assert "is published already" in publish()


def test_half_a_watch_list_is_published_by_nobody_unsaid(place: Path) -> None:
    watch(range(100))
    publish()
    watch(range(40))
    with pytest.raises(PublishError, match=r"at least 60 of the 100 documents of generation 1.* 60\.0%"):
        publish()
    for part in place.glob("repo/targets/lists/sltd/*manifest.json*"):
        part.unlink()  # a stick may have taken it along
    with pytest.raises(PublishError, match="at least 60 of the 100 records"):
        publish()
    assert "sltd (watch): generation 2" in publish("--force")


def test_what_is_added_by_hand_is_judged_by_what_it_says(place: Path) -> None:
    Path("file").write_bytes(b"x")

    def add(generation: int, *more: str) -> None:
        run("publish", "add", "repo", "--list", "sltd", "--generation", str(generation), "--file", "x=file",
            "--as-of", f"2026-03-0{generation}", *KEYS, *more)  # fmt: skip

    add(1, "--records", "100")
    with pytest.raises(PublishError, match="at least 51 of the 100 records"):
        add(2, "--records", "49")
    with pytest.raises(PublishError, match="at least 100 of the 100 records"):
        add(2, "--records", "0")
    add(2, "--records", "49", "--force")
    add(3)


def test_the_share_is_between_nothing_and_all(place: Path) -> None:
    keyed(place, MANY, 1)
    for text in ("nan", "101%", "-1"):
        with pytest.raises(PublishError, match="between 0 and 1"):
            publish("--max-removed", text)


def test_a_folder_of_both_kinds_is_not_guessed_at(place: Path) -> None:
    keyed(place, MANY, 2)
    publish()
    watch(range(200), generation=3, out="watch")
    (place / "watch/sltd/0000000003").rename(place / "out/sltd/0000000003")  # as an older program left it
    with pytest.raises(PublishError, match="base 2, and beside it a newer generation 3") as refused:
        publish()
    assert "remove 0000000003" in refused.value.advice
    keyed(place, MANY, 4)
    assert "sltd (keyed): generation 4" in publish()


def test_a_list_changes_its_kind_by_somebodys_word_alone(place: Path) -> None:
    keyed(place, MANY, 1)
    publish()
    keyed(place, without(0.01), 2)
    publish()
    watch(range(200), generation=3, out="watch")
    with pytest.raises(PublishError, match="is published as a keyed list, and watch/sltd holds generations"):
        publish(source="watch")
    assert "sltd (watch): generation 3" in publish("--change-kind", source="watch")
    assert run("publish", "wanted", "repo", "--list", "sltd") == "nothing is missing\n"
    shutil.rmtree(place / "out")
    keyed(place, MANY, 4)
    with pytest.raises(PublishError, match="is published as generations of documents and persons"):
        publish()
    assert "sltd (keyed): generation 4" in publish("--change-kind")
    assert run("publish", "wanted", "repo", "--list", "sltd") == "nothing is missing\n"


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", "nosuch"), ("timestamp", "nosuch", *KEYS), ("sign", "nosuch", "root", *KEYS),
        ("list", "nosuch", "sltd", "--from", "out", *KEYS), ("rotate", "nosuch", "root", "--new", "keys/root-1.pub"),
        ("delegate", "nosuch", "--list", "sltd", "--key", "keys/list-sltd.pub"), ("wanted", "nosuch", "--list", "un"),
        ("add", "nosuch", "--list", "un", "--generation", "1", "--file", "x=hq", "--as-of", "2026-01-01", *KEYS),
        ("status", "nosuch"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_repository_is_refused_and_not_made(place: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(PublishError) as refused:
        run("publish", *words)
    assert "repository" in refused.value.message
    assert not (place / "nosuch").exists()
