"""The catalogues of items that a store recognises by, one a name (`produce`, `bakery`, `dishes`), over one embedding.

In a live store a catalogue stands in a folder `ROOT/<name>`, is loaded when it is first asked for, and again when someone else has
written it (`storeloom models train-items`); what is learnt is saved some seconds later and at the close. Without a root all is in memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.items.faults import ItemFault

if TYPE_CHECKING:
    from storeloom.workers.vision.boxes import Box
    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.items.catalogue import ItemCatalogue
    from storeloom.workers.vision.items.embedding import Embedding, Vector
    from storeloom.workers.vision.items.results import Ranking, Taught
    from storeloom.workers.vision.items.typical import Typical

SAVE_AFTER_S = 10.0
CORRECTED_SHARE = 0.2
Stamp = tuple[int, int, int]
LOG = logging.getLogger(__name__)


@dataclass
class Shop:
    """A catalogue, where it is kept (None: in memory), the file that it was read from or written to, and whether it has changed since."""

    catalogue: ItemCatalogue
    folder: Path | None
    stamp: Stamp | None
    changed: bool = False
    writing: bool = False

    @property
    def overtaken(self) -> bool:
        """Whether another program has written the catalogue."""
        return self.folder is not None and not self.writing and self.stamp != _stamp(self.folder)


class Shops:
    """Catalogues by name. May be shared by threads.

    `embedding` makes the one embedding of them all when it is first needed, the shipped one by default. A catalogue that cannot be read is
    set aside beside its folder, never deleted: `troubles` says so, and the shop begins empty. One that cannot be written is tried again
    with what is learnt next. A kill loses what was learnt in the last `save_after_s` seconds, no more.
    """

    def __init__(
        self, root: Path | None = None, *, embedding: Callable[[], Embedding] | None = None, save_after_s: float = SAVE_AFTER_S
    ) -> None:
        self._root, self._make, self._save_after_s = root, embedding or _shipped, save_after_s
        self._embedding: Embedding | None = None
        self._shops: dict[str, Shop] = {}
        self._troubles: dict[tuple[str, str], Finding] = {}
        self._saver: threading.Timer | None = None
        self._fitter: threading.Thread | None = None
        self._to_fit: list[str] = []
        self._lock = threading.RLock()
        self._saving = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The shops that have a catalogue, in memory or on disk."""
        stored = [path.parent.name for path in self._root.glob("*/catalogue.json")] if self._root is not None else []
        with self._lock:
            return tuple(sorted({*self._shops, *(name for name in stored if not name.startswith("."))}))

    def gtins(self, shop: str) -> tuple[str, ...]:
        """The items that a shop can recognise; none, and no network is loaded, where there is no such shop."""
        folder = self._folder(shop)
        if shop not in self._shops and (folder is None or not folder.is_dir()):
            return ()
        return self._catalogue(shop).gtins

    def looks(self, picture: Image, boxes: Sequence[Box]) -> list[Vector]:
        """The vector of what lies in each box of a picture; FrameError for a box that covers no pixel."""
        from storeloom.workers.vision.items.embedding import cut

        return [self._vectors().embed(cut(picture, box)) for box in boxes]

    def rank(self, vectors: Sequence[Vector], shop: str, k: int = 5) -> list[Ranking]:
        """The `k` likeliest items of a shop for each of these; unknown in one without items, and where no shop is named."""
        import numpy as np

        from storeloom.workers.vision.items.results import NOTHING

        if not shop or not vectors:
            return [NOTHING] * len(vectors)
        return self._catalogue(shop).recognise_vectors(np.stack(vectors), k)

    def typical(self, shop: str, gtin: str, vector: Vector) -> Typical | None:
        """How like a shop's item a vector is, see `ItemCatalogue.typical`."""
        return self._catalogue(shop).typical(gtin, vector)

    def correct(self, shop: str, gtin: str, vector: Vector, *, samples: int | None = None) -> Taught:
        """Learn that this vector is an item's, as a person picked it: see `ItemCatalogue.correct`.

        `samples` is how many the shop keeps of each item from now on.
        """
        catalogue = self._catalogue(shop)
        _limit(catalogue, samples)
        taught = catalogue.correct_vector(vector, gtin)
        self._changed(shop)
        return taught

    def enrol(self, shop: str, gtin: str, vectors: Sequence[Vector], *, samples: int | None = None) -> None:
        """Add vectors of pictures taken to enrol an item; it is recognised at once."""
        import numpy as np

        catalogue = self._catalogue(shop)
        _limit(catalogue, samples)
        catalogue.enrol_vectors(gtin, np.stack(vectors))
        self._changed(shop)

    def forget(self, shop: str, gtin: str) -> None:
        """Drop an item of a shop and all that is kept of it; ItemFault for one that there is not."""
        self._catalogue(shop).forget(gtin)
        self._changed(shop)

    def refit(self, shops: Iterable[str] | None = None) -> threading.Thread:
        """Make space and calibration of these shops anew (of all of them where none is named), one after the other in the background.

        For the night: a hundred items of 30 pictures take about 10 seconds. Recognition goes on meanwhile. The thread that does it can be
        waited for; what is asked while it is at work is added to its work.
        """
        names = [name for name in self.names if shops is None or name in tuple(shops)]
        with self._lock:
            self._to_fit += [name for name in names if name not in self._to_fit]
            if self._fitter is None or not self._fitter.is_alive():
                self._fitter = threading.Thread(target=self._refit, name="items-refit", daemon=True)
                self._fitter.start()
            return self._fitter

    def troubles(self) -> tuple[Finding, ...]:
        """Catalogues that were set aside, and those that cannot be written."""
        with self._lock:
            return tuple(self._troubles.values())

    def save(self) -> None:
        """Write every catalogue that has changed."""
        with self._lock:
            if self._saver is not None:
                self._saver.cancel()
                self._saver = None
        with self._saving:
            for name, shop in list(self._shops.items()):
                if shop.changed and shop.folder is not None:
                    self._write(name, shop, shop.folder)

    def close(self) -> None:
        """Save what is left to save, when the refit at work has ended."""
        with self._lock:
            fitter = self._fitter
        if fitter is not None:
            fitter.join()
        self.save()

    def _vectors(self) -> Embedding:
        with self._lock:
            self._embedding = self._embedding or self._make()
            return self._embedding

    def _catalogue(self, name: str) -> ItemCatalogue:
        """A shop's catalogue as it stands on disk, with what was learnt since."""
        folder = self._folder(name)
        with self._lock:
            shop = self._shops.get(name)
            if shop is None or shop.overtaken:
                shop = self._shops[name] = self._opened(name, folder)
            return shop.catalogue

    def _folder(self, name: str) -> Path | None:
        if not name or name.startswith(".") or Path(name).name != name or "\\" in name:
            raise ValueError(f"shop {name!r}: the name of a folder is needed, such as 'produce'")
        return self._root / name if self._root is not None else None

    def _opened(self, name: str, folder: Path | None) -> Shop:
        from storeloom.workers.vision.items.catalogue import ItemCatalogue

        if folder is None or not folder.is_dir() or not any(folder.iterdir()):
            return Shop(ItemCatalogue(self._vectors()), folder, None)
        stamp = _stamp(folder)
        try:
            return Shop(ItemCatalogue.load(folder, self._vectors()), folder, stamp)
        except ItemFault as damage:
            return self._begun_anew(name, folder, damage.findings[0])

    def _begun_anew(self, name: str, folder: Path, damage: Finding) -> Shop:
        """An empty shop in place of one that cannot be read; what could not be read stays beside it."""
        from storeloom.workers.vision.items.catalogue import ItemCatalogue

        number = 1
        while (aside := folder.with_name(f".{name}.unread-{number}")).exists():
            number += 1
        reason = {lang: damage.text(lang).rstrip(".。") for lang in ("en", "zh")}
        try:
            folder.rename(aside)
        except OSError as error:
            self._note(name, "SL-ITM-12", {"shop": name, "reason": f"{type(error).__name__}: {error}"}, folder)
            return Shop(ItemCatalogue(self._vectors()), None, None)
        self._note(name, "SL-ITM-11", {"shop": name, "reason": reason, "aside": aside.name}, aside)
        return Shop(ItemCatalogue(self._vectors()), folder, None)

    def _changed(self, name: str) -> None:
        """Have a shop saved soon; changes until then are saved with it."""
        with self._lock:
            shop = self._shops[name]
            shop.changed = True
            if shop.folder is not None and self._saver is None:
                self._saver = threading.Timer(self._save_after_s, self.save)
                self._saver.daemon = True
                self._saver.start()

    def _write(self, name: str, shop: Shop, folder: Path) -> None:
        with self._lock:
            shop.changed = False
            if shop.overtaken:
                LOG.warning("catalogue %s was written by another program; what was learnt in the last seconds gives way to it", name)
                return
            shop.writing = True
        try:
            shop.catalogue.save(folder)
        except OSError as error:
            shop.changed = True
            self._note(name, "SL-ITM-12", {"shop": name, "reason": f"{type(error).__name__}: {error}"}, folder)
        else:
            self._troubles.pop((name, "SL-ITM-12"), None)
        with self._lock:
            shop.stamp, shop.writing = _stamp(folder), False

    def _note(self, name: str, code: str, args: dict[str, object], place: Path) -> None:
        finding = Finding(code, args, file=str(place))
        if (name, code) not in self._troubles:
            LOG.warning("%s", finding.text())
        self._troubles[name, code] = finding

    def _refit(self) -> None:
        while True:
            with self._lock:
                if not self._to_fit:
                    self._fitter = None
                    return
                name = self._to_fit.pop(0)
            catalogue = self._catalogue(name)
            if catalogue.gtins:
                catalogue.refit()
                self._changed(name)


def _shipped() -> Embedding:
    from storeloom.workers.vision.items.embedding import Embedding

    return Embedding()


def _stamp(folder: Path) -> Stamp | None:
    """What changes when a catalogue is written: its file's identity, time and size; None where there is none."""
    try:
        facts = (folder / "catalogue.json").stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _limit(catalogue: ItemCatalogue, samples: int | None) -> None:
    """Let a catalogue keep so many vectors of an item, a fifth of them corrections."""
    if samples is None:
        return
    corrected = max(1, round(CORRECTED_SHARE * samples))
    catalogue.limits = replace(catalogue.limits, enrolled=max(1, samples - corrected), corrected=corrected)
