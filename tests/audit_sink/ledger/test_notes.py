"""Signed notes, keys, checkpoints and proof files, against the published examples and mutation."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.ledger.checkpoint import Checkpoint, read_checkpoint
from audit_sink.ledger.keys import COSIGNATURE, ED25519, ML_DSA_44, Signer, new_secret, signer, verifier
from audit_sink.ledger.note import BadNote, Note, read_note, read_signatures, read_vkey, vkey
from audit_sink.ledger.proof_file import ProofFile, read_proof_file

ORIGIN = "wall.example/log"
TEXT = Checkpoint(ORIGIN, 5, bytes(range(32))).text()
NOW = 1_790_000_000

# The example of the signed-note specification and of golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def kinds() -> list[Signer]:
    return [signer(ORIGIN, new_secret(), kind) for kind in (ED25519, COSIGNATURE, ML_DSA_44)]


def signed(*signers: Signer) -> Note:
    return Note(TEXT, tuple(each.sign(TEXT, NOW) for each in signers))


def test_the_published_example_verifies() -> None:
    verifier(PETER).verify(read_note(PETERS_NOTE.encode()))


def test_every_kind_of_key_signs_what_its_public_key_verifies() -> None:
    for key in kinds():
        note = read_note(signed(key).encode())
        time = verifier(key.vkey).verify(note)
        assert time == (None if read_vkey(key.vkey)[1] == ED25519 else NOW)


def test_several_keys_sign_one_note_and_each_verifies() -> None:
    keys = kinds()
    note = read_note(signed(*keys).encode())
    assert len(note.signatures) == len(keys)
    for key in keys:
        verifier(key.vkey).verify(note)


def test_a_note_of_other_keys_only_is_refused() -> None:
    for key, other in zip(kinds(), kinds(), strict=True):
        with pytest.raises(BadNote, match="no signature of this key"):
            verifier(key.vkey).verify(signed(other))


def test_every_flipped_bit_of_a_signed_checkpoint_is_found() -> None:
    key = signer(ORIGIN, new_secret())
    whole = signed(key).encode()
    for place in range(len(whole)):
        damaged = whole[:place] + bytes((whole[place] ^ 1,)) + whole[place + 1 :]
        with pytest.raises(BadNote):
            verifier(key.vkey).verify(read_note(damaged))


def test_an_altered_text_does_not_verify_under_any_kind_of_key() -> None:
    for key in kinds():
        forged = Note(TEXT.replace("5\n", "6\n"), signed(key).signatures)
        with pytest.raises(BadNote, match="does not verify"):
            verifier(key.vkey).verify(forged)


def test_a_cosignature_with_another_time_does_not_verify() -> None:
    for key in kinds()[1:]:
        (made,) = signed(key).signatures
        moved = (NOW + 1).to_bytes(8, "big") + made.data[8:]
        with pytest.raises(BadNote, match="does not verify"):
            verifier(key.vkey).verify(Note(TEXT, (type(made)(made.name, made.key_id, moved),)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAA=",
        b"text\n\n- a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAA\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a\xc2\xa0b AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAB=\n",
        b"text\n\n\xe2\x80\x94 a ???\n",
        b"te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"te\xff\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n" + b"\xe2\x80\x94 a AAAAAAA=\n" * 65,
        bytes(262_145),
    ],
)
def test_a_malformed_note_is_refused(data: bytes) -> None:
    with pytest.raises(BadNote):
        read_note(data)


@given(st.text(alphabet="ab\n\u00e9", min_size=1).filter(lambda text: not text.startswith("\n")))
def test_any_text_is_read_back_from_its_note(text: str) -> None:
    note = Note(text.rstrip("\n") + "\n" if text.strip("\n") else "x\n", signed(kinds()[0]).signatures)
    assert read_note(note.encode()) == note


def test_signature_lines_are_read_as_a_witness_sends_them() -> None:
    made = signed(*kinds()).signatures
    assert read_signatures("".join(each.line() for each in made)) == made


# Points of order 1, 2, 4 and 8, and one that is not below the field's prime.
@pytest.mark.parametrize(
    "public",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes.fromhex("ec" + "ff" * 30 + "7f"),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
        bytes.fromhex("ed" + "ff" * 30 + "7f"),
        bytes.fromhex("ee" + "ff" * 31),
        bytes(31),
    ],
)
@pytest.mark.parametrize("kind", [ED25519, COSIGNATURE])
def test_keys_of_small_order_and_other_forms_are_refused(public: bytes, kind: int) -> None:
    with pytest.raises(BadNote):
        verifier(vkey("k", kind, public))


@pytest.mark.parametrize("text", ["", "a", "a+b", "a+00000000+AQ==", PETER.replace("c7", "c8"), f"+{PETER}"])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        read_vkey(text)


def test_keys_of_unknown_kinds_and_lengths_are_refused() -> None:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    for kind, data in ((0x02, public), (ML_DSA_44, public), (0xFF, public)):
        with pytest.raises(BadNote):
            verifier(vkey("k", kind, data))


@pytest.mark.parametrize("secret", ["", "AAAA", "not hex!"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(BadNote, match="32 bytes"):
        signer("k", secret)


def test_a_checkpoint_is_read_back() -> None:
    assert read_checkpoint(TEXT) == Checkpoint(ORIGIN, 5, bytes(range(32)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "extension\n",
        lambda text: text[:-1],
        lambda text: text.replace("\n5\n", "\n05\n"),
        lambda text: text.replace("\n5\n", "\n-5\n"),
        lambda text: text.replace("\n5\n", "\n9223372036854775808\n"),
        lambda text: text.replace("\n5\n", "\n\u0665\n"),
        lambda text: text.replace("AAEC", "AAE"),
        lambda text: text.replace("AAEC", ""),
        lambda text: "\n" + text.split("\n", 1)[1],
        lambda text: "",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(BadNote):
        read_checkpoint(change(TEXT))


PROOFS = st.builds(
    ProofFile,
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.just(signed(signer(ORIGIN, bytes(32).hex())).encode()),
    st.none() | st.binary(max_size=200),
)


@given(PROOFS)
def test_a_proof_file_is_read_back(file: ProofFile) -> None:
    assert read_proof_file(file.encode()) == file


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\nx",
        b"c2sp.org/tlog-proof@v1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 0\n?\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex \xff\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra\nindex 0\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 0\n",
        bytes(4_194_305),
    ],
)
def test_a_file_that_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(BadNote):
        read_proof_file(data)
