"""What everybody pays."""

from storeloom.workers.pricing.retail import retail


def test_a_markdown_for_everybody_goes_before_the_base_price():
    rows = [
        {"kind": "base", "from": "2026-01-01", "price": 500},
        {"from": "2026-02-01", "price": 450},
        {"kind": "markdown", "scope": "lot:1", "price": 100},
        {"kind": "member", "price": 200},
    ]
    assert retail(rows, {}) == 450
    assert retail([*rows, {"kind": "markdown", "price": 300}], {}) == 300
    assert retail([], {"list_price": 99}) == 99
    assert retail([], {}) == 0
