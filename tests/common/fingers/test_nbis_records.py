"""Minutiae between this project's records and nbis-py, another implementation.

nbis-py 0.1.3 writes and reads a record of 2005 that is not the standard's: its header of 26 bytes lacks resolution and
extended data, and counts minutiae where the standard has view and impression. So a record is put into the other's
frame here; the minutiae, six bytes each, are the same in both and pass untouched.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest

from drivers.virtual.prints import png, synthetic_print
from edge.core.fingerprints.iso19794_2 import read, write_2005, write_2011
from edge.core.fingerprints.model import FingerError, Position, Template

nbis = pytest.importorskip("nbis", reason="the extra fingers is not installed")


@pytest.fixture(scope="module")
def extractor():  # type: ignore[no-untyped-def]
    return nbis.new_nbis_extractor(nbis.NbisExtractorSettings(
        min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=False, ppi=500.0
    ))  # fmt: skip


def as_nbis_has_it(record: bytes) -> bytes:
    """Their header around our minutiae (one view, no extended data)."""
    rows = record[28:-2]
    return b"FMR\x00 20\x00" + struct.pack(">IH", 26 + len(rows), 0) + record[14:18] + bytes(7) + record[27:28] + rows


def as_the_standard_has_it(theirs: bytes) -> bytes:
    """The standard's header around their minutiae."""
    rows = theirs[26:]
    body = b"\x02\x00\x00" + theirs[25:26] + rows + b"\x00\x00"
    return theirs[:8] + struct.pack(">IH", 24 + len(body), 0) + theirs[14:18] + b"\x00\xc5\x00\xc5\x01\x00" + body


def told(minutia: object) -> tuple[int, int, int, int]:
    """x, y, angle in 256ths (nbis-py knows 32 directions), kind."""
    kind = 2 if minutia.kind() == nbis.MinutiaKind.BIFURCATION else 1  # type: ignore[attr-defined]
    return minutia.x(), minutia.y(), round(minutia.angle() * 256 / 360) % 256, kind  # type: ignore[attr-defined]


def test_nbis_reads_the_minutiae_of_our_records(extractor) -> None:  # type: ignore[no-untyped-def]
    numbers = np.random.default_rng(7)
    count = 80
    template = Template(
        "test", Position.RIGHT_INDEX, 300, 400, numbers.integers(0, 300, count).astype(np.int16),
        numbers.integers(0, 400, count).astype(np.int16), (numbers.integers(0, 32, count) * 8).astype(np.uint8),
        numbers.integers(1, 3, count).astype(np.uint8), numbers.integers(0, 64, count).astype(np.uint8), 50,
    )  # fmt: skip
    found = extractor.load_iso_19794_2_2005(as_nbis_has_it(write_2005([template]))).get()
    ours = list(zip(*(getattr(template, name).tolist() for name in ("x", "y", "angle", "kind")), strict=True))
    assert [told(minutia) for minutia in found] == ours
    # Their quality is 0 to 63.
    assert [round(minutia.reliability() * 63) for minutia in found] == template.quality.tolist()


def test_we_read_the_minutiae_of_theirs(extractor) -> None:  # type: ignore[no-untyped-def]
    image = png(synthetic_print(3, 300, 400), 300, 400)
    made = extractor.extract_minutiae(image)
    theirs = made.to_iso_19794_2_2005()
    (found,) = read(as_the_standard_has_it(theirs))
    assert (found.width, found.height) == (300, 400)
    ours = list(zip(*(getattr(found, name).tolist() for name in ("x", "y", "angle", "kind")), strict=True))
    assert len(ours) > 20
    assert ours == [told(minutia) for minutia in made.get()]
    for write in (write_2005, write_2011):
        (again,) = read(write([found]))
        assert np.array_equal(again.x, found.x)
    assert as_nbis_has_it(write_2005([found]))[26:] == theirs[26:]


def test_their_own_frame_is_refused_by_name(extractor) -> None:  # type: ignore[no-untyped-def]
    theirs = extractor.extract_minutiae(png(synthetic_print(3, 300, 400), 300, 400)).to_iso_19794_2_2005()
    with pytest.raises(FingerError, match="byte 18, pixels per cm"):
        read(theirs)
