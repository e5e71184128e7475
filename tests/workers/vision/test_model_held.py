"""A model on trial whose verdict others hold, and models that are chosen without a trial."""

from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.swap import Swap, words
from tests.workers.vision.numbered import Fake, feed, scores


def begun(worker: VisionWorker, camera: str | None, new: Fake, **options: object) -> Swap:
    swap = worker.swap_model(camera, lambda: new, **options)  # type: ignore[arg-type]
    assert swap.wait(30, ("live",)) == "live"
    return swap


def test_one_that_is_held_stays_on_trial_until_it_is_settled() -> None:
    old, new = Fake(0.9), Fake(0.8)
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 1)
    swap = begun(worker, "c1", new, probation=2, hold=True)
    seen = feed(worker, 2, 5)
    assert (swap.state, swap.proved, scores(seen)) == ("live", True, [0.8] * 4)
    assert "it is kept when it has done so in every process" in swap.reason["en"] and "待所有进程均通过后保留" in swap.reason["zh"]
    worker.detectors.settle(swap)
    assert (swap.state, scores(feed(worker, 6, 6)), old.seen) == ("kept", [0.8], [0, 1])


def test_one_that_is_held_can_be_taken_back_by_who_holds_it_and_one_unproved_is_not_kept() -> None:
    old = Fake(0.9)
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 1)
    swap = begun(worker, None, Fake(0.8), probation=2, hold=True)
    worker.detectors.settle(swap)
    assert swap.state == "live"
    feed(worker, 2, 3)
    worker.detectors.settle(swap, words("elsewhere", process="door"))
    assert (swap.state, scores(feed(worker, 4, 4))) == ("rolled_back", [0.9])
    assert "door took it back." in swap.reason["en"] and "door已将其撤回。" in swap.reason["zh"]


def test_detectors_that_are_chosen_see_the_next_frame_and_end_what_was_on_trial() -> None:
    worker = VisionWorker(lambda: Fake(0.9))
    feed(worker, 0, 0)
    feed(worker, 0, 0, "c2")
    swap = begun(worker, "c1", Fake(0.5))
    worker.detectors.use({None: Fake(0.8), "c2": Fake(0.7)})
    assert (scores(feed(worker, 1, 1)), scores(feed(worker, 1, 1, "c2")), swap.state) == ([0.8], [0.7], "rolled_back")
    worker.detectors.use({})
    assert (scores(feed(worker, 2, 2)), scores(feed(worker, 2, 2, "c2"))) == ([0.9], [0.9])
