"""The key ceremony and what follows from it: nothing half-done, nothing overwritten, each key where it belongs."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from authority_kit import WORD, Desk, enrol, prov, run
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import Claim
from edge.core.provisioning.signing import keys_of, open_paper
from provisioning import authority, ceremony, files, keyfiles
from provisioning.errors import AuthorityError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def hold(root: Path, **other: object) -> ceremony.Record:
    values: dict[str, object] = {
        "country": "UTO", "name": "", "now": NOW, "roots": 3, "threshold": 2, "places": {},
        "passphrase": lambda _: WORD, "done": lambda _: None,
    }  # fmt: skip
    return ceremony.hold(root, **values | other)  # type: ignore[arg-type]


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_every_private_key_is_locked_and_for_its_owner_alone(desk: Desk) -> None:
    private = [*desk.root.rglob("*.key"), *desk.root.rglob("*.pem")]
    private = [path for path in private if path.name not in ("ca.pem",)]
    assert len(private) == 8
    for path in private:
        assert path.stat().st_mode & 0o777 == 0o600, path
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes(), path
    assert desk.root.stat().st_mode & 0o777 == 0o700


def test_the_record_names_every_key_and_has_lines_for_those_present(desk: Desk) -> None:
    text = (desk.root / "ceremony.txt").read_text()
    for row in desk.run("show", "keys", "--json").json:
        if row["role"] not in ("certificates", "seal", "ack"):
            assert ceremony.grouped(row["kid"]) in text
    ca = x509.load_pem_x509_certificate((desk.root / "ca" / "ca.pem").read_bytes())
    assert authority.fingerprint(ca)[:39] in text
    assert text.count("_" * 60) == 10


def test_keys_go_to_their_holders_places(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    record = hold(tmp_path / "authority", places={"root-1": tmp_path / "a", "spare": tmp_path / "b"})
    assert (tmp_path / "a" / "root-1.pem").exists()
    assert everything(tmp_path / "b") == ["spare.pem", "spare.pub"]
    assert everything(tmp_path / "authority" / "offline") == [
        "escrow.pem", "escrow.pub", "root-2.pem", "root-2.pub", "root-3.pem", "root-3.pub",
    ]  # fmt: skip
    assert {key.place for key in record.keys if key.name == "root-1"} == {str(tmp_path / "a" / "root-1.pem")}


@pytest.mark.parametrize("step", range(9))
def test_stopped_at_any_step_nothing_is_left(tmp_path: Path, step: int) -> None:
    (tmp_path / "stick").mkdir()
    left = step

    def stop(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    def ask(name: str) -> str:
        if step == 8 and name == "escrow":
            raise KeyboardInterrupt
        return WORD

    with pytest.raises(KeyboardInterrupt):
        hold(tmp_path / "authority", places={"root-2": tmp_path / "stick"}, done=stop, passphrase=ask)
    assert everything(tmp_path) == ["stick"]


@pytest.mark.parametrize("cut", range(1, 26, 3))
def test_a_disk_that_refuses_any_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    real, calls = files.write_new, 0

    def write(path: Path, data: bytes, mode: int) -> None:
        nonlocal calls
        calls += 1
        if calls == cut:
            raise OSError(28, "No space left on device", str(path))
        real(path, data, mode)

    monkeypatch.setattr(files, "write_new", write)
    if cut > 17:  # two of the authority, two of each of seven keys, one record
        hold(tmp_path / "authority")
        return
    with pytest.raises(AuthorityError, match="No space left"):
        hold(tmp_path / "authority")
    assert everything(tmp_path) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    hold(tmp_path / "authority")
    before = (tmp_path / "authority" / "ca" / "ca.pem").read_bytes()
    with pytest.raises(AuthorityError, match="there already"):
        hold(tmp_path / "authority")
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "root-1.pem").write_text("another country's")
    with pytest.raises(AuthorityError, match="File exists"):
        hold(tmp_path / "second", places={"root-1": tmp_path / "stick"})
    assert (tmp_path / "stick" / "root-1.pem").read_text() == "another country's"
    assert (tmp_path / "authority" / "ca" / "ca.pem").read_bytes() == before
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(("other", "problem"), [
    ({"threshold": 4}, "4 of 3 root keys"), ({"passphrase": lambda _: "short"}, "fewer than 12 characters"),
    ({"places": {"root-9": Path()}}, "no key is named root-9"),
])  # fmt: skip
def test_what_cannot_be_a_ceremony_is_refused(tmp_path: Path, other: dict[str, object], problem: str) -> None:
    with pytest.raises(AuthorityError, match=problem):
        hold(tmp_path / "authority", **other)
    assert everything(tmp_path) == []


def test_a_private_key_beside_another_s_line_is_refused(desk: Desk) -> None:
    shutil.copy(desk.root / "keys" / "claim.pub", desk.root / "keys" / "command.pub")
    with pytest.raises(AuthorityError, match=r"does not belong to command\.pub"):
        keyfiles.sign_key(desk.root / "keys" / "command.pem", WORD)


def test_errors_and_reprs_hold_no_secret(desk: Desk) -> None:
    with pytest.raises(AuthorityError) as refused:
        keyfiles.sign_key(desk.root / "keys" / "command.pem", "another five plain words")
    assert "another five" not in str(refused.value)
    ca = authority.Authority(
        x509.load_pem_x509_certificate((desk.root / "ca" / "ca.pem").read_bytes()),
        keyfiles.ec_key(desk.root / "ca" / "ca.key", WORD),
    )
    assert "key" not in repr(ca)


# -- the certificate authority ---------------------------------------------------------------------------------------


def test_certificates_say_what_they_serve_for_and_openssl_agrees(tmp_path: Path) -> None:
    ca = authority.make("UTO", "Border Guard", NOW)
    _, server = ca.server(["broker.example", "10.0.0.1"], NOW)
    _, client = ca.client("hq", NOW)
    for made, usage in ((server, ExtendedKeyUsageOID.SERVER_AUTH), (client, ExtendedKeyUsageOID.CLIENT_AUTH)):
        assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
        assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    revoked = authority.Revoked(authority.number_of(client), NOW)
    for name, data in (("ca", authority.pem(ca.certificate)), ("server", authority.pem(server)),
                       ("client", authority.pem(client)), ("crl", ca.crl([revoked], NOW, 7))):  # fmt: skip
        (tmp_path / f"{name}.pem").write_bytes(data)
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on PATH (Debian: apt install openssl)")

    def judged(name: str, purpose: str, at: datetime, *more: str) -> bool:
        return subprocess.run(
            ["openssl", "verify", "-CAfile", "ca.pem", "-x509_strict", "-purpose", purpose, "-attime",
             str(int(at.timestamp())), *more, f"{name}.pem"], cwd=tmp_path, capture_output=True, check=False,
        ).returncode == 0  # fmt: skip

    assert judged("server", "sslserver", NOW)
    assert judged("client", "sslclient", NOW)
    assert not judged("server", "sslclient", NOW)
    assert not judged("client", "sslserver", NOW)
    assert not judged("client", "sslclient", NOW.replace(year=2029))
    assert judged("server", "sslserver", NOW, "-crl_check", "-CRLfile", "crl.pem")
    assert not judged("client", "sslclient", NOW, "-crl_check", "-CRLfile", "crl.pem")


def test_nothing_outlives_the_authority() -> None:
    ca = authority.make("UTO", "", NOW)
    late = ca.certificate.not_valid_after_utc.replace(microsecond=0)
    assert ca.client("hq", late.replace(year=late.year - 1))[1].not_valid_after_utc == late
    with pytest.raises(AuthorityError, match="ran out"):
        ca.client("hq", late)


# -- the national package and keys that are lost ----------------------------------------------------------------------


def test_the_package_waits_for_the_second_holder(desk: Desk) -> None:
    before = desk.package
    done = desk.signs("package", "--name", "New name", "--sign", desk.offline("root-3"), "--json").json
    assert (done["number"], done["in_force"], done["missing"]) == (2, False, 1)
    assert desk.package == before
    assert desk.signs("package", "--sign", desk.offline("root-3"), "--json").json["missing"] == 1  # twice is once
    assert "no root key" in desk.refuses("package", "--sign", desk.root / "keys" / "command.pem")
    assert desk.signs("package", "--sign", desk.offline("root-1"), "--json").json["in_force"]
    assert (desk.package.number, desk.package.name) == (2, "New name")
    assert not (desk.root / "national.waiting.json").exists()
    assert (desk.package.seal_key, desk.package.root_keys) == (before.seal_key, before.root_keys)


def test_a_package_without_headquarters_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "word").write_text(WORD)
    hold(tmp_path / "authority")
    done = run("package", "--authority", tmp_path / "authority", "--sign",
               tmp_path / "authority" / "offline" / "root-1.pem", "--passphrase-file", tmp_path / "word")  # fmt: skip
    assert done.code == 1
    assert "--headquarters" in done.err


def test_a_lost_command_key_is_replaced_by_the_spare_one_s_word(desk: Desk, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    box, _ = enrol(desk, stick)
    desk.signs("revoke", enrol(desk, stick)[0].serial, "--reason", "a drill")
    (desk.root / "keys" / "command.pem").unlink()
    desk.signs("key", "command")
    assert "no box believes this command key" in desk.refuses("sign", "north-gate-1")
    desk.signs("package", "--name", "again", "--sign", desk.offline("root-1"), "--sign", desk.offline("root-2"))
    assert "revoke --again" in desk.refuses("sign", "north-gate-1", "--stick", stick)
    desk.signs("revoke", "--again", "--command-key", desk.offline("spare"))
    desk.signs("sign", "north-gate-1", "--stick", stick)
    with pytest.raises(ProvisioningError) as refused:
        box.takes(prov(stick, box))  # it does not know the new key yet
    assert refused.value.code is Code.UNKNOWN_KEY
    desk.signs("renew", "north-gate-1", "--stick", stick, "--command-key", desk.offline("spare"))
    assert "national.json" in box.takes(prov(stick, box))[1]
    desk.signs("sign", "north-gate-1", "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 4


def test_a_root_holder_is_replaced_by_the_two_others(desk: Desk) -> None:
    before = desk.package
    desk.offline("root-2").unlink()
    desk.signs("key", "root-2")
    desk.signs("package", "--name", "x", "--sign", desk.offline("root-2"), "--sign", desk.offline("root-1"))
    assert desk.package.number == 1  # of the roots that boxes believe only one has signed
    desk.signs("package", "--sign", desk.offline("root-3"))
    after = desk.package
    assert after.number == 2
    assert len(set(after.root_keys) - set(before.root_keys)) == 1


def test_a_claim_by_an_ended_key_is_no_claim_of_the_new_package(desk: Desk, tmp_path: Path) -> None:
    desk.claim(tmp_path / "stick")
    old = (tmp_path / "stick" / "BORDERPOST" / "claim" / "north-gate.claim").read_bytes()
    desk.signs("key", "claim")
    assert len(list((desk.root / "keys").glob("claim-*.pem"))) == 1  # the old file stays, under its key id
    desk.signs("package", "--name", "x", "--sign", desk.offline("root-1"), "--sign", desk.offline("root-2"))
    with pytest.raises(ProvisioningError) as refused:
        open_paper(old, Claim, keys_of(desk.package.claim_keys))
    assert refused.value.code is Code.UNKNOWN_KEY
    assert desk.claim(tmp_path / "stick").site == "north-gate"


def test_a_new_authority_is_believed_beside_the_old_one_until_that_is_forgotten(desk: Desk, tmp_path: Path) -> None:
    stick, out = tmp_path / "stick", tmp_path / "broker"
    box, before = enrol(desk, stick)
    desk.signs("broker", out, "--name", "broker.example")
    server = (out / "broker.pem").read_bytes()
    desk.signs("key", "ca")
    assert "two authorities" in desk.refuses("key", "ca")
    desk.signs("renew", "north-gate-1", "--stick", stick)
    _, files_ = box.takes(prov(stick, box))
    new, old = x509.load_pem_x509_certificates(files_["ca.pem"])
    x509.load_pem_x509_certificate(files_["device.pem"]).verify_directly_issued_by(new)
    x509.load_pem_x509_certificate(before["device.pem"]).verify_directly_issued_by(old)
    desk.signs("revoke", "north-gate-1", "--reason", "a drill")
    desk.signs("broker", out)
    assert (out / "broker.pem").read_bytes() != server  # the new authority's, under the same names
    lists = [x509.load_pem_x509_crl(part + b"-----END X509 CRL-----\n")
             for part in (out / "crl.pem").read_bytes().split(b"-----END X509 CRL-----\n")[:-1]]  # fmt: skip
    for made, ca in zip(lists, (new, old), strict=True):
        assert made.is_signature_valid(ca.public_key())  # type: ignore[arg-type]
    number = x509.load_pem_x509_certificate(before["device.pem"]).serial_number
    assert lists[1].get_revoked_certificate_by_serial_number(number) is not None
    desk.run("key", "ca", "--forget")
    assert len(x509.load_pem_x509_certificates((desk.root / "ca" / "ca.pem").read_bytes())) == 1
    assert sorted(p.name for p in (desk.root / "ca").iterdir()) == ["ca.key", "ca.pem", "crl.pem"]


def test_an_authority_whose_key_is_lost_is_followed_by_another(desk: Desk, tmp_path: Path) -> None:
    (desk.root / "ca" / "ca.key").unlink()
    desk.signs("key", "ca")
    box, files_ = enrol(desk, tmp_path / "stick")
    assert box.sequence == 1
    assert files_["ca.pem"].count(b"BEGIN CERTIFICATE") == 2
    desk.signs("broker", tmp_path / "broker", "--name", "broker.example")
