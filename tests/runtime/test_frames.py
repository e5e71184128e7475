"""Pictures in shared memory: written once for all, read only, and never taken for another."""

import mmap
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from storeloom.core.kernel.events import Event
from storeloom.core.runtime import frames
from storeloom.core.runtime.frames import SLOTS, Frames, Lent

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def event(number, shape=(4, 6, 3), camera="c1"):
    pixels = np.full(shape, number, np.uint8)
    return Event("camera.frame", NOW, {"camera": camera, "seq": number, "pixels": pixels}, f"E{number}{camera}", "s1", camera)


@pytest.fixture
def owner():
    made = Frames()
    yield made
    made.close()


def host(*rings):
    lent = Lent()
    for ring in rings:
        lent.add(ring.number, os.dup(ring.handle))
    return lent


def test_a_picture_that_several_see_is_written_once_and_each_gets_it_whole(owner):
    (ring, place), (_, again) = owner.lend(event(7)), owner.lend(event(7))
    assert (place, owner.written) == (again, 1)
    for lent in (host(ring), host(ring)):
        got = lent.take(place)
        assert got.shape == (4, 6, 3) and got.dtype == np.uint8 and (got == 7).all() and got.flags.writeable


def test_who_is_overtaken_is_told_so_and_gets_no_other_picture(owner):
    ring, place = owner.lend(event(1))
    lent = host(ring)
    for number in range(2, SLOTS + 1):
        owner.lend(event(number))
    assert (lent.take(place) == 1).all()
    owner.lend(event(SLOTS + 1))
    assert lent.take(place) is None
    owner.done(ring, place)  # comes late: it frees nothing of the picture that is there now
    assert [slot.readers for slot in ring.slots] == [1] * SLOTS


def test_a_picture_overwritten_while_it_is_copied_is_dropped(owner, monkeypatch):
    ring, place = owner.lend(event(1))
    lent, holds, looks = host(ring), frames._holds, []

    def overtaken(memory, wanted):
        looks.append(holds(memory, wanted))
        owner.done(ring, place)
        owner.lend(event(2))
        return looks[-1]

    monkeypatch.setattr(frames, "_holds", overtaken)
    assert lent.take(place) is None and looks == [True, False]


def test_a_slot_is_free_again_when_all_are_done_with_it(owner):
    ring, place = owner.lend(event(1))
    owner.lend(event(1))
    owner.done(ring, place)
    assert owner.lend(event(2))[1].slot == 1
    owner.done(ring, place)
    assert owner.lend(event(3))[1].slot == 0


def test_each_camera_has_memory_of_its_own_and_a_larger_picture_a_new_ring(owner):
    (first, _), (second, _) = owner.lend(event(1)), owner.lend(event(1, camera="c2"))
    assert first.number != second.number
    lent = host(first)
    grown, place = owner.lend(event(2, (400, 600, 3)))
    lent.add(grown.number, os.dup(grown.handle), instead_of=first.number)
    assert (lent.take(place) == 2).all() and list(lent._rings) == [grown.number]


def test_who_is_handed_the_memory_can_neither_change_nor_resize_it(owner):
    ring, _ = owner.lend(event(1))
    for attempt in (
        lambda: os.pwrite(ring.handle, b"x", 0),
        lambda: os.ftruncate(ring.handle, 0),
        lambda: mmap.mmap(ring.handle, 0),
        lambda: mmap.mmap(os.open(f"/proc/self/fd/{ring.handle}", os.O_RDWR), 0),
    ):
        with pytest.raises(OSError):
            attempt()


def test_without_shared_memory_nothing_is_lent_and_a_finding_says_why(owner, monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    assert owner.lend(event(1)) is None and owner.lend(event(2)) is None
    assert owner.trouble.code == "SL-HST-11" and "memfd_create" in owner.trouble.text()


def test_an_event_without_pixels_needs_none(owner):
    assert owner.lend(Event("camera.frame", NOW, {"camera": "c1", "seq": 1, "scene": {}}, "E", "s1", "c1")) is None
    assert owner.trouble is None and owner.written == 0
