"""Lines out of a probability map, and CTC paths, with answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from storeloom.workers.vision.reading.lines import Alphabet, find_lines, size, straighten, turned, upright


def test_a_block_of_probability_is_one_line_grown_by_the_papers_distance() -> None:
    chart = np.zeros((64, 128), np.float32)
    chart[20:30, 20:100] = 0.9  # dilation by 2 x 2 makes it 81 x 11 pixels, whose corner points span 80 x 10
    (quad,) = find_lines(chart)
    wide, high = size(quad)
    grow = 80 * 10 * 1.6 / 90
    assert (wide, high) == (pytest.approx(80 + grow, abs=0.5), pytest.approx(10 + grow, abs=0.5))


def test_faint_and_tiny_blocks_are_no_lines() -> None:
    chart = np.zeros((64, 128), np.float32)
    chart[5:15, 5:60] = 0.4  # above the threshold of the map, below that of a line
    chart[40:42, 40:42] = 1.0
    assert find_lines(chart) == []


def test_upright_begins_at_the_top_left() -> None:
    corners = np.array([[10, 12], [0, 2], [0, 12], [10, 2]], np.float32)
    assert upright(corners).tolist() == [[0, 2], [10, 2], [10, 12], [0, 12]]
    assert turned(upright(corners), 1).tolist() == [[10, 2], [10, 12], [0, 12], [0, 2]]


def test_a_quad_is_cut_out_from_its_first_corner_on() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[10:30, 10:40] = (255, 0, 0)
    picture[10:30, 40:70] = (0, 0, 255)
    quad = np.array([[10, 10], [70, 10], [70, 30], [10, 30]], np.float32)
    strip = straighten(picture, quad, 20, 400)
    assert strip.shape == (20, 60, 3)
    assert strip[10, 10].tolist() == [255, 0, 0] and strip[10, 50].tolist() == [0, 0, 255]
    assert straighten(picture, turned(quad, 2), 20, 400)[10, 10].tolist() == [0, 0, 255]


def steps(*rows: tuple[float, float, float, float]) -> np.ndarray:
    """Probabilities of blank, a, b, c at each step."""
    return np.array(rows, np.float32)


ALPHABET = Alphabet("abc")


def test_repeats_merge_unless_a_blank_parts_them() -> None:
    path = steps((0, 0.9, 0.1, 0), (0, 0.8, 0.2, 0), (1, 0, 0, 0), (0, 0.7, 0.3, 0), (0, 0.1, 0.9, 0))
    reading = ALPHABET.decode(path)
    assert reading.text == "aab"
    assert reading.chances == pytest.approx((0.9, 0.7, 0.9))
    assert reading.score == pytest.approx(2.5 / 3) and reading.least == pytest.approx(0.7)
    assert reading.places == pytest.approx((0.1, 0.7, 0.9))


def test_only_the_used_steps_are_read() -> None:
    path = steps((0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
    assert ALPHABET.decode(path, None, 0.5).text == "a"


def test_a_foreign_character_between_allowed_ones_costs_the_score() -> None:
    path = steps((0, 1, 0, 0), (0.05, 0, 0, 0.95), (0, 0, 1, 0))
    reading = ALPHABET.decode(path, ALPHABET.only("ab"))
    assert reading.text == "ab" and reading.score == pytest.approx(0.05)


def test_foreign_characters_around_allowed_ones_do_not() -> None:
    path = steps((0.05, 0, 0, 0.95), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0.05, 0, 0, 0.95))
    reading = ALPHABET.decode(path, ALPHABET.only("ab"))
    assert reading.text == "ab" and reading.score == pytest.approx(1)


def test_every_character_is_read_as_the_likeliest_allowed_one() -> None:
    path = steps((0.1, 0.2, 0.1, 0.6), (1, 0, 0, 0), (0, 0, 1, 0))
    assert ALPHABET.decode(path, ALPHABET.only("ab")).text == "ab"
    reading = ALPHABET.decode(path, ALPHABET.only("ab"), every=True)
    assert reading.text == "ab" and reading.chances[0] == pytest.approx(0.9 * 2 / 3)
