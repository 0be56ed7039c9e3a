"""Where a fuzz run begins: what the virtual devices send to each codec in each way that its driver can be set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import finger_formats_fuzz
from benchmarks.codec_oracle import SETTINGS, as_input, codec_of

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
BLOCKS = ("5901234123457", "M1ERIKSSON/ANNA       EABC123 ZRHUTO")


def seeds(target: str) -> Iterator[bytes]:
    """Inputs that a device really sends (the virtual one), for each way the driver can be set."""
    if target in finger_formats_fuzz.TARGETS:
        yield from finger_formats_fuzz.seeds(target)
        return
    if target == "trace":
        yield b"# Device: none\n# Date: 2026-11-22\n0.000000 > 4900\n0.012000 < 490003\n1.500000 < 0d0d0d\n"
        for path in sorted((Path(__file__).resolve().parents[1] / "tests" / "recordings").rglob("*.trace"))[:20]:
            yield path.read_bytes()[:2000]
        return
    if target == "profile":
        from drivers.profiles import SHIPPED

        for path in sorted(SHIPPED.glob("*.toml")):
            yield path.read_bytes()
        return
    for variant in range(len(SETTINGS.get(target, [{}]))):
        for stream in _streams(target, variant):
            yield as_input(variant, b"", stream)
            yield as_input(variant, b"\x06\x4c\x85", stream)


def _streams(driver: str, variant: int) -> Iterator[bytes]:
    """The device's side of a conversation with the codec."""
    from drivers.virtual.__main__ import KINDS, part

    kind = KINDS[driver]
    for hand in (TD3, TD2, TD1, *BLOCKS, TD3 + TD3):
        device = part(kind, kind.device)()
        codec, now, stream = codec_of(driver, variant), 1000.0, device.power_on()
        codec.start(now)
        for turn in range(12):
            if turn == 6:
                made = device.block(hand) if isinstance(hand, str) else device.present(list(hand))
            else:
                made = device.receive(codec.bytes_to_send())
            stream += made
            codec.feed(made, now)
            now += 0.5
            codec.tick(now)
        yield stream[-1000:]
