"""Codes: the published example of the check character, length by bits, no two alike."""

import pytest

from storeloom.workers.loyalty import codes


def is_code(text):
    return codes.check_character(text[:-1]) == text[-1]


def test_the_check_character_of_a_global_release_identifier():
    assert codes.check_character("A12425GABC1234002") == "M"  # IFPI's example of a GRid
    assert is_code("A12425GABC1234002M")


def test_a_wrong_and_a_swapped_sign_are_found():
    code = codes.new_code(codes.stir("", "x"), 96)
    assert is_code(code)
    wrong = [code[:i] + other + code[i + 1 :] for i in range(len(code)) for other in codes.ALPHABET if other != code[i]]
    swapped = [code[:i] + code[i + 1] + code[i] + code[i + 2 :] for i in range(len(code) - 1) if code[i] != code[i + 1]]
    assert not any(map(is_code, wrong + swapped))


@pytest.mark.parametrize(("bits", "signs"), [(64, 13), (96, 19), (128, 25)])
def test_length_and_spread(bits, signs):
    pool, seen = "", set()
    for number in range(200):
        pool = codes.stir(pool, number)
        seen.add(codes.new_code(pool, bits))
    assert len(seen) == 200 and {len(code) for code in seen} == {signs + 1}
