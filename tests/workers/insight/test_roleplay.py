import pytest

from storeloom.workers.insight import roleplay

CARD = {
    "card": "k",
    "key_phrases": [["welcome", "good morning"], ["what do you need"], ["I understand"], ["shall I pack"], ["see you"]],
    "weight": 20,
}
GREET, NEED, OBJECTION, CLOSE = "Good morning!", "And what do you need today?", "I understand, it costs more.", "Shall I pack it for you?"


def talk(*words):
    return [turn for word in words for turn in ({"by": "staff", "text": word}, {"by": "customer", "text": "the best? see you"})]


def judge(*words, claims=("best", "cure"), likeness=0.7):
    return roleplay.judge(talk(*words), CARD, claims, likeness, 15)


def test_steps_in_their_order():
    assert judge(GREET, NEED, OBJECTION, CLOSE) == roleplay.Talk((0, 1, 2, 3), (), 1, 80)
    assert judge(NEED, GREET, OBJECTION, CLOSE) == roleplay.Talk((1, 0, 2, 3), (), 0.75, 60)
    assert judge(f"{NEED} {GREET}", OBJECTION, CLOSE).said == (1, 0, 2, 3), "in one turn"


def test_forbidden_terms_of_staff_only():
    assert judge(GREET, NEED, OBJECTION, f"{CLOSE} It is the BEST of the best").score == 65
    assert judge("the best", "a cure", "yes", claims=("best", "cure")) == roleplay.Talk((), ("best", "cure"), 1, 0)


def test_a_likeness_counts_as_said():
    assert judge("Hm. What do u need?", "yes", "yes").said == (1,)
    assert judge("Hm. What do u need?", "yes", "yes", likeness=0.99).said == ()
    assert roleplay.alike("night", "nacht") == 0.25


def test_too_short_a_talk():
    assert judge(GREET, NEED) is None and judge(GREET, NEED, " ") is None
    assert roleplay.judge(talk("a", "b", "c"), {"card": "k"}, (), 0.7, 15) is None


@pytest.mark.parametrize(("card", "points"), [({}, [50, 50]), ({"weight": 3}, [3, 3]), ({"weight": [1, 2]}, [1, 2])])
def test_points_of_steps(card, points):
    assert roleplay.weights(card, 2) == points


def test_a_plain_phrase_is_a_step():
    assert roleplay.rubric({"key_phrases": ["a", ["b", "c"]]}) == [["a"], ["b", "c"]]


def test_longest_rising():
    assert [roleplay.longest_rising(one) for one in ([], [3, 2, 1], [1, 0, 2, 3], [2, 2])] == [0, 1, 3, 1]


def test_ratings():
    assert roleplay.expected(1200, 1300) == pytest.approx(0.3599, abs=1e-4)
    assert roleplay.rated(1200, 1300, False, 24) == pytest.approx((1191.4, 1308.6), abs=0.05)
    assert roleplay.rated(1200, 1300, True, 24) == pytest.approx((1215.4, 1284.6), abs=0.05)
