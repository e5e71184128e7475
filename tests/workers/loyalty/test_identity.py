"""Wallets and credentials: did:key, signed nonces, credentials with dates, issuer and status list; consent chains."""

import gzip
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256

import pytest

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storeloom.workers.loyalty import consents, identity
from storeloom.workers.loyalty.identity import Refused

AT = datetime(2024, 6, 3, 2, tzinfo=UTC)


def base58_text(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = identity.BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def did_of(public_key: bytes) -> str:
    return "did:key:z" + base58_text(identity.ED25519 + public_key)


def wallet(seed):
    key = Ed25519PrivateKey.from_private_bytes(sha256(seed.encode()).digest())
    return key, did_of(key.public_key().public_bytes_raw())


ISSUER_KEY, ISSUER = wallet("issuer")
HOLDER_KEY, HOLDER = wallet("holder")


def signed(document, key=ISSUER_KEY, did=ISSUER):
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "verificationMethod": f"{did}#key",
        "proofPurpose": "assertionMethod",
    }
    whole = {**document, "proof": proof}
    value = "z" + base58_text(key.sign(identity.signed_bytes(whole)))
    return {**document, "proof": {**proof, "proofValue": value}}


def credential(**changes):
    return {"issuer": ISSUER, "credentialSubject": {"id": HOLDER, "over_18": True}, **changes}


def status_list(*revoked):
    bits = bytearray(16)
    for index in revoked:
        bits[index // 8] |= 128 >> index % 8
    text = "u" + urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).decode().rstrip("=")
    return signed({"id": "list-1", "issuer": ISSUER, "credentialSubject": {"encodedList": text}})


def test_a_key_and_its_name():
    assert HOLDER.startswith("did:key:z6Mk")
    assert did_of(identity.key_of(HOLDER)) == HOLDER
    assert base58_text(b"\0\0\1") == "112" and identity.base58_bytes("112") == b"\0\0\1"
    for wrong in ("did:web:example.org", "did:key:z0", "did:key:z6Mk", "x"):
        with pytest.raises(Refused, match="did"):
            identity.key_of(wrong)


def test_a_signed_nonce():
    good = urlsafe_b64encode(HOLDER_KEY.sign(b"n1")).decode().rstrip("=")
    identity.check_nonce(HOLDER, "n1", good)
    for did, nonce, signature in ((HOLDER, "n2", good), (ISSUER, "n1", good), (HOLDER, "n1", "AAAA"), (HOLDER, "n1", "a")):
        with pytest.raises(Refused, match="signature"):
            identity.check_nonce(did, nonce, signature)


def test_a_credential_answers_its_question():
    assert identity.claim(signed(credential()), HOLDER, "over_18", [ISSUER], AT, None) is True
    young = credential(credentialSubject={"id": HOLDER, "over_18": False})
    assert identity.claim(signed(young), HOLDER, "over_18", [ISSUER], AT, None) is False


@pytest.mark.parametrize(
    ("document", "issuers", "holder", "why"),
    [
        (signed(credential()), [], HOLDER, "issuer"),
        (signed(credential()), [ISSUER], ISSUER, "holder"),
        ({**signed(credential()), "validFrom": "2024-01-01T00:00:00Z"}, [ISSUER], HOLDER, "signature"),
        (signed(credential(), HOLDER_KEY), [ISSUER], HOLDER, "signature"),
        (signed(credential(), HOLDER_KEY, HOLDER), [ISSUER], HOLDER, "signature"),
        (signed(credential(validFrom="2024-06-04T00:00:00Z")), [ISSUER], HOLDER, "dates"),
        (signed(credential(validUntil="2024-06-03T02:00:00Z")), [ISSUER], HOLDER, "dates"),
        (signed(credential(credentialSubject={"id": HOLDER, "over_18": "yes"})), [ISSUER], HOLDER, "claim"),
        (signed(credential(credentialStatus={"statusListCredential": "list-1", "statusListIndex": "3"})), [ISSUER], HOLDER, "status"),
    ],
)
def test_what_is_not_believed(document, issuers, holder, why):
    with pytest.raises(Refused, match=why):
        identity.claim(document, holder, "over_18", issuers, AT, None)


@pytest.mark.parametrize("document", [{"issuer": ISSUER, "proof": "x"}, {"issuer": ISSUER, "validFrom": 5}, "text"])
def test_what_is_no_credential(document):
    with pytest.raises(Refused):
        identity.claim(document, HOLDER, "over_18", [ISSUER], AT, None)


def test_a_status_list_revokes():
    document = signed(credential(credentialStatus={"statusListCredential": "list-1", "statusListIndex": "3"}))
    assert identity.claim(document, HOLDER, "over_18", [ISSUER], AT, status_list(4)) is True
    with pytest.raises(Refused, match="revoked"):
        identity.claim(document, HOLDER, "over_18", [ISSUER], AT, status_list(3))
    with pytest.raises(Refused, match="status"):
        identity.is_revoked(status_list(3), 128)
    with pytest.raises(Refused, match="status"):
        identity.is_revoked({"credentialSubject": {"encodedList": "uAAAA"}}, 0)


def test_a_chain_holds_until_something_in_it_changes():
    links, previous = [], consents.FIRST
    for number in range(3):
        entry = {"member": consents.subject("m1", "salt"), "purpose": "marketing", "time": number}
        previous = consents.entry_hash(previous, entry)
        links.append({"entry": entry, "hash": previous})
    assert consents.first_break(links) is None
    assert consents.first_break([]) is None
    assert consents.first_break([links[0], {**links[1], "entry": {**links[1]["entry"], "time": 9}}, links[2]]) == 1
    assert consents.first_break(links[1:]) == 0
    assert consents.first_break([links[0], links[2]]) == 1
    assert (
        links[0]["hash"]
        == sha256(b"0" * 64 + b'{"member":"' + links[0]["entry"]["member"].encode() + b'","purpose":"marketing","time":0}').hexdigest()
    )
