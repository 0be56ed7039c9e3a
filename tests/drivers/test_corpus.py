"""Every input that the fuzz run kept is played again against the laws of benchmarks.codec_oracle, without atheris."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.codec_oracle import TARGETS, as_input, check_of, parted
from benchmarks.codec_seeds import seeds

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_fuzz_run_found_still_holds(target: str) -> None:
    files = sorted((CORPUS / target).iterdir())
    assert files, "no corpus: run python -m benchmarks.codec_fuzz"
    check = check_of(target)
    for path in files:
        try:
            check(path.read_bytes())
        except Exception as fault:
            raise AssertionError(f"{target}/{path.name}: {fault!r}") from fault


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_stays_small(target: str) -> None:
    files = list((CORPUS / target).iterdir())
    assert len(files) < 200
    assert max(path.stat().st_size for path in files) < 2048


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_virtual_devices_send_breaks_no_law(target: str) -> None:
    played = 0
    for data in seeds(target):
        check_of(target)(data)
        played += 1
    assert played


def test_an_input_is_what_it_was_made_of() -> None:
    assert parted(as_input(3, b"\x00\x41\xc1", b"abcdefg")) == (
        3, [(0.0, b"a"), (0.05, b"bc"), (12.0, b"de"), (0.0, b"f"), (0.05, b"g")]
    )
    assert parted(as_input(1, b"", b"x" * 70)) == (1, [(0.0, b"x" * 64), (0.0, b"x" * 6)])
    assert parted(b"") == (0, [])


def test_the_laws_can_be_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A codec that loses a byte, or reads otherwise when cut otherwise, is noticed."""
    from drivers import text
    from drivers.framing import Skip, Whole

    good = text.TextCodec._cut
    stream = as_input(0, b"\x05", b"\x02" + b"\r".join((b"P<UTO" + b"<" * 39, b"L" * 44)) + b"\r\x03")
    check_of("text")(stream)

    def greedy(self, buffer, looked):  # type: ignore[no-untyped-def]
        decision = good(self, buffer, looked)
        return Whole(decision.count + 1, decision.event) if isinstance(decision, Whole) else decision

    monkeypatch.setattr(text.TextCodec, "_cut", greedy)
    with pytest.raises(AssertionError, match="takes what is not there"):
        check_of("text")(stream)

    def hasty(self, buffer, looked):  # type: ignore[no-untyped-def]
        return Skip(len(buffer)) if len(buffer) < 20 else good(self, buffer, looked)

    monkeypatch.setattr(text.TextCodec, "_cut", hasty)
    with pytest.raises(AssertionError, match="when cut otherwise"):
        check_of("text")(as_input(0, b"", stream[3:]))
