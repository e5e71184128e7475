"""A shop's items: enrol from a few pictures, recognise, correct, forget; kept in a folder as JSON and vectors, without pictures.

A catalogue may be used from several threads: each recognition works on the classes as they were when it began.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.items import calibration, memory, storage
from storeloom.workers.vision.items.calibration import Calibration, Trials
from storeloom.workers.vision.items.faults import fault
from storeloom.workers.vision.items.memory import ItemClass, Limits
from storeloom.workers.vision.items.results import NOTHING, Ranking, Taught
from storeloom.workers.vision.items.typical import Typical, typical
from storeloom.workers.vision.items.whitening import Background, Vectors, Whitening, background_of, shipped_background, whitening

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.items.embedding import Embedding

FALSE_ACCEPT = 0.05
GROWTH = 1.25


@dataclass(frozen=True)
class Head:
    """What a vector is compared with: the classes (m x d, in `space`) of `gtins`, and how sure is sure.

    Space and calibration were made from `fitted` classes.
    """

    gtins: tuple[str, ...]
    classes: Vectors
    space: Whitening
    calibration: Calibration
    fitted: int

    def having(self, known: ItemClass) -> Head:
        """With a class new or changed; space and calibration stay as they are."""
        row = calibration.prototypes(self.space, [known.vectors], [known.weights])
        if known.gtin not in self.gtins:
            return replace(self, gtins=(*self.gtins, known.gtin), classes=np.concatenate([self.classes, row]))
        classes = self.classes.copy()
        classes[self.gtins.index(known.gtin)] = row[0]
        return replace(self, classes=classes)

    def without(self, gtin: str) -> Head:
        kept = [number for number, other in enumerate(self.gtins) if other != gtin]
        return replace(self, gtins=tuple(self.gtins[number] for number in kept), classes=self.classes[kept])

    def likenesses(self, vectors: NDArray[Any]) -> Vectors:
        """Cosines in the space of vectors (n x d) with each class: n x m."""
        found: Vectors = self.space(vectors) @ self.classes.T
        return found

    def rank(self, vectors: NDArray[Any], k: int) -> list[Ranking]:
        """A ranking of at most `k` candidates for each vector (n x d)."""
        likenesses = self.likenesses(vectors)
        open_scores = calibration.openness(likenesses)
        shares = calibration.probabilities(likenesses, self.calibration.temperature)
        return [self._ranking(*row, k) for row in zip(likenesses, shares, open_scores, strict=True)]

    def _ranking(self, likenesses: Vectors, shares: NDArray[np.float64], score: float, k: int) -> Ranking:
        order = np.argsort(-likenesses, kind="stable")[:k]
        candidates = tuple((self.gtins[number], float(shares[number])) for number in order)
        if score >= self.calibration.threshold:
            return Ranking(candidates, False, "recognised")
        unlike = float(likenesses[order[0]]) < self.calibration.likeness
        return Ranking(candidates, True, "unlike_all" if unlike else "undecided")


class ItemCatalogue:
    """The items of a shop over one embedding.

    `false_accept` is the share of pictures of goods that are not enrolled which may be taken for an enrolled item. The shipped background
    serves embeddings of the shipped networks; for any other one there is none. After many enrolments call `refit`, or the next recognition
    does it and waits.
    """

    def __init__(
        self,
        embedding: Embedding,
        *,
        false_accept: float = FALSE_ACCEPT,
        limits: Limits | None = None,
        background: Background | Literal["shipped"] | None = "shipped",
    ) -> None:
        if not 0 < false_accept < 1:
            raise ValueError(f"false_accept must lie between 0 and 1, not {false_accept}")
        self.embedding = embedding
        self.false_accept = false_accept
        self.limits = limits if limits is not None else Limits()
        parts = [(part.name, part.size) for part in embedding.parts]
        self._background = background_of(parts, shipped_background()) if background == "shipped" else background
        self._classes: dict[str, ItemClass] = {}
        self._head: Head | None = None
        self._lock = threading.RLock()

    @property
    def gtins(self) -> tuple[str, ...]:
        """The items that can be recognised, in the order in which they came."""
        with self._lock:
            return tuple(gtin for gtin, known in self._classes.items() if len(known.enrolled))

    @property
    def waiting(self) -> dict[str, int]:
        """How many corrections of each item wait for another one like them."""
        with self._lock:
            return {gtin: len(known.pending) for gtin, known in self._classes.items() if len(known.pending)}

    @property
    def calibration(self) -> Calibration | None:
        """How the classes are told from what is unknown, None while nothing is enrolled."""
        head = self._ready()
        return head.calibration if head is not None else None

    def enrol(self, gtin: str, pictures: Sequence[Image]) -> None:
        """Add pictures (BGR uint8) of an item to its class, which is made if it is new; raises as `Embedding.embed`."""
        if not pictures:
            raise fault("SL-ITM-01", {"name": gtin, "count": "0", "least": "1"}, path=gtin)
        self.enrol_vectors(gtin, np.stack([self.embedding.embed(picture) for picture in pictures]))

    def enrol_vectors(self, gtin: str, vectors: Vectors) -> None:
        """As `enrol`, from vectors (n x d) of this catalogue's embedding."""
        if not gtin:
            raise fault("SL-ITM-02", {}, path="gtin")
        with self._lock:
            self._change(memory.enrolled(self._known(gtin), vectors, self.limits))

    def recognise(self, picture: Image, k: int = 5) -> Ranking:
        """The ranking of a picture (BGR uint8) that shows one item; raises as `Embedding.embed`."""
        head = self._ready()
        return head.rank(self.embedding.embed(picture)[None], k)[0] if head is not None else NOTHING

    def recognise_vectors(self, vectors: Vectors, k: int = 5) -> list[Ranking]:
        """Rankings of vectors (n x d) of this catalogue's embedding."""
        head = self._ready()
        return head.rank(vectors, k) if head is not None else [NOTHING] * len(vectors)

    def openness(self, vectors: Vectors) -> NDArray[np.float64]:
        """How far vectors (n x d) belong to an enrolled class, as `calibration.openness`; minus infinity where nothing is enrolled."""
        head = self._ready()
        return calibration.openness(head.likenesses(vectors)) if head is not None else np.full(len(vectors), -np.inf)

    def typical(self, gtin: str, vector: Vectors) -> Typical | None:
        """How like its class a vector (d) is, beside its enrolled pictures; None for an item with fewer than three of these."""
        with self._lock:
            known = self._known(gtin)
        return typical(known.enrolled, vector)

    def correct(self, picture: Image, gtin: str) -> Taught:
        """Learn that a picture shows an item, as the cashier picked it.

        `learnt`: its class has changed a little. `pending`: it does not look like its class, or the item is new; it counts when others
        like it come. `enrolled`: enough of these came to make a new class. Raises as `enrol`.
        """
        return self.correct_vector(self.embedding.embed(picture), gtin)

    def correct_vector(self, vector: Vectors, gtin: str) -> Taught:
        """As `correct`, from a vector (d) of this catalogue's embedding."""
        if not gtin:
            raise fault("SL-ITM-02", {}, path="gtin")
        with self._lock:
            known, head = self._known(gtin), self._ready()
            least = head.calibration.likeness if head is not None else 0.0
            made, taught = memory.corrected(known, vector, _likeness(head, known, vector), least, self.limits)
            self._change(made)
            return taught

    def forget(self, gtin: str) -> None:
        """Drop an item and all that is kept of it; ItemFault for one that there is not."""
        with self._lock:
            if gtin not in self._classes:
                raise fault("SL-ITM-03", {"gtin": gtin, "count": str(len(self._classes))}, path=gtin)
            del self._classes[gtin]
            if self._head is not None:
                self._head = self._head.without(gtin) if len(self._head.gtins) > 1 else None

    def refit(self) -> Trials:
        """Make the space and the calibration anew from all that is kept; the cross-validated likenesses, classes as in `gtins`.

        Enrolment and corrections change classes at once, but space and calibration only when the catalogue has grown by a quarter: what is
        left is done here, best at night: a hundred items of 30 pictures take about 10 seconds.
        """
        with self._lock:
            groups = self._groups()
            trials = calibration.cross_validate(groups, self._background)
            self._head = self._made(groups, calibration.calibrate(trials, self.false_accept)) if groups else None
            return trials

    def save(self, folder: Path) -> None:
        """Write the catalogue; a kill at any moment leaves either the old one or the new one.

        Loading makes the space anew from what was kept: after a `refit` before it, the answers are the same to the last digit.
        """
        with self._lock:
            head = self._ready()
            facts: dict[str, Any] = {"false_accept": self.false_accept, "limits": vars(self.limits)}
            if head is not None:
                facts["calibration"] = vars(head.calibration)
            storage.save(folder, self.embedding.identity, facts, self._classes.values())

    @classmethod
    def load(cls, folder: Path, embedding: Embedding, *, background: Background | Literal["shipped"] | None = "shipped") -> ItemCatalogue:
        """A saved catalogue; ItemFault where it is missing, damaged, or of another embedding."""
        facts, classes = storage.load(folder, embedding.identity)
        try:
            made = cls(embedding, false_accept=facts["false_accept"], limits=Limits(**facts["limits"]), background=background)
            made._classes = {known.gtin: known for known in classes}
            groups = made._groups()
            found = Calibration(**{key: float(value) for key, value in facts["calibration"].items()}) if groups else None  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise fault("SL-ITM-05", {"reason": f"{type(error).__name__}: {error}"}, file=folder / "catalogue.json") from error
        if found is not None:
            made._head = made._made(groups, replace(found, pictures=int(found.pictures)))
        return made

    def _change(self, made: ItemClass) -> None:
        """Keep a class as it now is, and bring it into the head; one that has grown too much since it was fitted is made anew."""
        self._classes[made.gtin] = made
        head = self._head
        if head is None or not len(made.enrolled):
            return
        changed = head.having(made)
        self._head = changed if len(changed.gtins) <= GROWTH * head.fitted else None

    def _known(self, gtin: str) -> ItemClass:
        empty = memory.none(self.embedding.size)
        return self._classes.get(gtin) or ItemClass(gtin, empty, empty, empty)

    def _groups(self) -> list[NDArray[np.float16]]:
        return [known.vectors for known in self._classes.values() if len(known.enrolled)]

    def _ready(self) -> Head | None:
        """The head, made first where there is none and something is enrolled."""
        head = self._head
        if head is not None:
            return head
        with self._lock:
            if self._head is None and self.gtins:
                self.refit()
            return self._head

    def _made(self, groups: Sequence[NDArray[np.float16]], found: Calibration) -> Head:
        kept = [known for known in self._classes.values() if len(known.enrolled)]
        space = whitening(calibration.seen(groups), self._background)
        classes = calibration.prototypes(space, groups, [known.weights for known in kept])
        return Head(tuple(known.gtin for known in kept), classes, space, found, len(kept))


def _likeness(head: Head | None, known: ItemClass, vector: Vectors) -> memory.Likeness:
    """A corrected picture against its class, its pending pictures and the other classes."""
    if head is None:
        full = known.pending.astype(np.float32)
        return memory.Likeness(None, full @ vector, 0.0)
    moved = head.space(np.concatenate([vector[None].astype(np.float32), known.pending.astype(np.float32)]))
    likenesses = dict(zip(head.gtins, (head.classes @ moved[0]).tolist(), strict=True))
    own = likenesses.pop(known.gtin, None)
    return memory.Likeness(own, moved[1:] @ moved[0], max(likenesses.values(), default=0.0))
