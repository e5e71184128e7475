"""Prices keyed wrong, and pages that are seen after a message."""

from datetime import UTC, date, datetime

from storeloom.core.virtual import VirtualStore, default_profile


def test_goods_go_at_half_their_price_until_it_is_noticed(run):
    ran = run(days=6, scale=0.3, streams=frozenset({"pos.sale", "price.set"}))
    slips = ran.store.truth.price_slips
    assert 1 <= len(slips) <= 6
    told = {(data["gtin"], data["price"]) for data in ran.data("price.set")}
    at = {}
    for fact in ran.facts:
        if fact.stream == "pos.sale" and fact.data["kind"] == "sale" and "started" in fact.data:
            for line in fact.data["lines"]:
                at.setdefault(line["gtin"], []).append((fact.data["started"], line["price"]))
    seen = 0
    for slip in slips:
        assert slip["price"] == max(1, round(slip["right"] / 2))
        assert (slip["gtin"], slip["price"]) not in told
        during = {price for begun, price in at[slip["gtin"]] if slip["from"] < begun < slip["to"]}
        seen += bool(during)
        assert during <= {slip["price"]}
        before = [price for begun, price in at[slip["gtin"]] if begun < slip["from"] and begun[:10] == slip["from"][:10]]
        assert slip["price"] not in before
    assert seen


def test_who_clicks_a_campaigns_message_sees_its_page():
    store = VirtualStore(default_profile("convenience"), scale=0.01)
    noon, followed, clicks = datetime(2026, 3, 2, 4, tzinfo=UTC), 0, 0
    for number in range(200):
        data = {"message": f"m{number}", "channel": "mini_program", "to": f"m-{number}", "purpose": "marketing", "campaign": "spring"}
        facts = store.command("message.send", data, noon)
        visits = [fact for fact in facts if fact.stream == "web.visit"]
        clicked = [fact for fact in facts if fact.data.get("status") == "clicked"]
        assert len(visits) == len(clicked)
        for visit, click in zip(visits, clicked, strict=True):
            assert (visit.data["member"], visit.data["campaign"], visit.data["token"]) == (f"m-{number}", "spring", f"m{number}")
            assert visit.received > click.received
        followed, clicks = followed + len(visits), clicks + len(clicked)
        own = store.command("message.send", {**data, "to": "ph-1"}, noon)
        assert {fact.stream for fact in own} == {"message.outcome"}
    assert 8 < followed == clicks < 40


def test_slips_are_the_same_for_the_same_seed(run):
    first, other = (run(days=5, scale=0.02, streams=frozenset(), start=date(2026, 3, 2)).store.truth.price_slips for _ in range(2))
    assert first == other
