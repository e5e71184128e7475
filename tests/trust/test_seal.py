"""Secrets for one agent alone."""

import pytest

from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust import seal


def test_only_the_agent_opens_what_was_sealed_to_it():
    agent, other = seal.new_key(), seal.new_key()
    sealed = seal.seal("pa55 词".encode(), seal.public_key(agent))
    assert seal.unseal(sealed, agent) == "pa55 词".encode()
    assert len(sealed) == len("pa55 词".encode()) + seal.OVERHEAD and b"pa55" not in sealed
    assert seal.seal(b"x", seal.public_key(agent)) != seal.seal(b"x", seal.public_key(agent))
    with pytest.raises(TrustFault) as caught:
        seal.unseal(sealed, other)
    assert caught.value.findings[0].code == "SL-TRU-13"
    assert caught.value.findings[0].args == {"key": seal.key_id(seal.public_key(other))}


def test_every_changed_bit_is_noticed():
    agent = seal.new_key()
    sealed = seal.seal(b"s", seal.public_key(agent))
    for bit in range(0, len(sealed) * 8, 7):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TrustFault):
            seal.unseal(bytes(changed), agent)
    with pytest.raises(TrustFault):
        seal.unseal(b"", agent)


@pytest.mark.parametrize("key", [b"", b"short", bytes(32), bytes(33)])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(TrustFault) as caught:
        seal.seal(b"pa55", key)
    assert caught.value.findings[0].code == "SL-TRU-12" and "pa55" not in caught.value.findings[0].render()


def test_a_key_is_named_by_its_hash():
    assert seal.key_id(b"\x01" * 32) == "72cd6e8422c407fb"  # SHA-256 of 32 bytes 01
    assert seal.from_text(seal.to_text(b"\x00\xff")) == b"\x00\xff"
    with pytest.raises(TrustFault):
        seal.from_text("not base64!")
