"""The reserve of a campaign's budget, worked by hand."""

from storeloom.workers.loyalty import coupon_budget as budget


def ledger(issued, redeemed=0, expired=0, face=1000):
    found = budget.new()
    for _ in range(issued):
        budget.issue(found, face)
    for _ in range(redeemed):
        budget.redeem(found, face, face)
    for _ in range(expired):
        budget.expire(found, face)
    return found


def test_the_eleventh_coupon_is_refused_and_a_redemption_is_honoured():
    found = ledger(330, 20)
    assert budget.committed(found, 25) == 97_500
    for _ in range(10):
        assert budget.fits(found, 1000, 25, 100_000)
        budget.issue(found, 1000)
    assert budget.committed(found, 25) == 100_000 and not budget.fits(found, 1000, 25, 100_000)
    budget.redeem(found, 1000, 1000)
    assert budget.committed(found, 25) == 100_750


def test_the_own_rate_counts_from_200_ended_on():
    assert budget.rate(ledger(300, 50, 149), 25) == budget.Fraction(1, 4)
    assert budget.rate(ledger(300, 50, 150), 30) == budget.Fraction(1, 4)
    assert budget.rate(ledger(300, 50, 149), 30) == budget.Fraction(3, 10)


def test_expiry_frees_the_reserve_and_a_late_redemption_takes_it_back():
    found = ledger(2, 0, 1)
    assert (found["open"], found["expired"]) == (1000, 1)
    budget.redeem(found, 1000, 800, expired=True)
    assert found == {"spent": 800, "open": 1000, "issued": 2, "redeemed": 1, "expired": 0}
