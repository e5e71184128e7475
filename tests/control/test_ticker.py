"""What a server does by itself: each task in its time, a fault in one in no other's way."""

import threading

from storeloom.core.control.ticker import Task, Ticker


def test_a_task_that_fails_is_told_and_tried_again(plane):
    done, twice = [], threading.Event()

    def good(services):
        done.append(services)
        if len(done) >= 3:
            twice.set()

    def bad(services):
        raise OSError("no disk")

    ticker = Ticker(plane.services, (Task("bad", 0.05, bad), Task("good", 0.05, good)))
    ticker.start()
    assert twice.wait(10)
    ticker.stop(10)
    assert ticker.failed == {"bad": "OSError: no disk"} and done[0] is plane.services
    number = len(done)
    ticker.once()
    assert len(done) == number + 1
