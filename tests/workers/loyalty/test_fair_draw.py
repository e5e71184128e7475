import hashlib
import hmac

from storeloom.workers.loyalty import fair_draw

ENTRIES = [f"e{number}" for number in range(1, 6)]


def test_the_order_can_be_recomputed_from_the_seed_alone():
    seed = fair_draw.seed_of("secret", "activity", "2026-03-02")
    digests = {entry: hmac.new(seed.encode(), entry.encode(), hashlib.sha256).hexdigest() for entry in ENTRIES}
    assert fair_draw.order(seed, ENTRIES) == sorted(ENTRIES, key=digests.get) == fair_draw.order(seed, reversed(ENTRIES))
    assert fair_draw.commitment(seed) == hashlib.sha256(seed.encode()).hexdigest()


def test_each_draw_has_its_own_seed():
    assert len({fair_draw.seed_of("secret", "a", "1"), fair_draw.seed_of("secret", "a", "2"), fair_draw.seed_of("other", "a", "1")}) == 3


def test_hmac_of_the_standards_example():
    assert (
        fair_draw.ticket("Jefe", "what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )  # RFC 4231, 4.3
