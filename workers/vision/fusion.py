"""Boxes of several algorithms on one picture made into one list of things: weighted boxes fusion.

After Solovyev, Wang and Gabruseva 2021, Weighted boxes fusion: ensembling boxes from different object detection models (Image and Vision
Computing 107): each box joins the cluster whose fused box it overlaps most, the surest box first, and the corners of a cluster are averaged
by confidence. The confidence is not the paper's mean but 1 - product(1 - c), as of findings that are independent of one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storeloom.workers.vision.boxes import Box, fuse, iou
from storeloom.workers.vision.things import Observation, Seen
from storeloom.workers.vision.view import View

SOURCE = "algorithm"
ROUNDING = 1e-9


@dataclass(frozen=True)
class Finding:
    """A thing that one algorithm found. `algorithm` is None where it is not known; such a box fuses with any."""

    thing: Seen
    algorithm: str | None = None


@dataclass
class Cluster:
    """Findings of one object, the surest first, with their fused box and confidence."""

    members: list[Finding]
    box: Box
    score: float

    def takes(self, finding: Finding) -> bool:
        """Whether the finding is of the cluster's class, and its algorithm has no box there yet."""
        known = {member.algorithm for member in self.members if member.algorithm is not None}
        return self.members[0].thing.cls == finding.thing.cls and finding.algorithm not in known

    def add(self, finding: Finding) -> None:
        self.members.append(finding)
        self.box, self.score = fuse([m.thing.box for m in self.members], [m.thing.score for m in self.members])

    def as_seen(self) -> Seen:
        """The object: what the algorithms say of it merged, the surer winning where they differ."""
        if len(self.members) == 1:
            return self.members[0].thing
        attrs: dict[str, Any] = {}
        for member in reversed(self.members):
            attrs |= member.thing.attrs
        things = [member.thing for member in self.members]
        track = next((thing.track for thing in things if thing.track is not None), None)
        floor = next((thing.floor for thing in things if thing.floor is not None), None)
        return replace(things[0], box=self.box, score=self.score, attrs=attrs, track=track, floor=floor)


def fuse_findings(findings: Iterable[Finding], least_iou: float) -> list[Seen]:
    """One thing for each object: boxes of one class from different algorithms that overlap by `least_iou` or more are one object.

    A box of no confidence fuses with none. The things come in the order of their surest finding, findings alike in the order given.
    """
    clusters: list[Cluster] = []
    for finding in sorted(findings, key=lambda one: -one.thing.score):
        near = [(iou(c.box, finding.thing.box), -k) for k, c in enumerate(clusters) if finding.thing.score > 0 and c.takes(finding)]
        overlap, place = max(near, default=(0.0, 0))
        if overlap >= least_iou - ROUNDING:
            clusters[-place].add(finding)
        else:
            clusters.append(Cluster([finding], finding.thing.box, finding.thing.score))
    return [cluster.as_seen() for cluster in clusters]


class FusedView(View):
    """A view whose observation has overlapping boxes fused; all other stages are those of the view that it stands for.

    In a scene, `algorithm` on an object names the algorithm that found it, and an object without it may be anybody's finding. On pixels all
    boxes of the shared pass are the detector's own, which its non-maximum suppression has told apart.
    """

    def __init__(self, view: View, least_iou: float) -> None:
        self.__dict__.update(view.__dict__)
        self._whole, self._least_iou = view, least_iou

    @property
    def observation(self) -> Observation:
        found = self._whole.observation
        if self.pixels is not None:
            return found
        return self.shared(("fused", self._least_iou), lambda: replace(found, objects=_fused(found.objects, self._least_iou)))


def _fused(objects: Sequence[Seen], least_iou: float) -> tuple[Seen, ...]:
    return tuple(fuse_findings((Finding(_without_source(thing), thing.attrs.get(SOURCE)) for thing in objects), least_iou))


def _without_source(thing: Seen) -> Seen:
    attrs: Mapping[str, Any] = {key: value for key, value in thing.attrs.items() if key != SOURCE}
    return replace(thing, attrs=attrs)


def with_boxes(objects: Iterable[Seen], found: Mapping[str, Sequence[Mapping[str, Any]]], least_iou: float) -> list[Seen]:
    """The things of the shared pass together with the boxes that algorithms found by themselves: by the algorithm's name, as elements of
    the `boxes` of `vision.detections`."""
    own = [
        Finding(Seen(one.get("track"), one["class"], one["score"], tuple(one["box"]), attrs=one.get("attrs", {})), name)
        for name, boxes in found.items()
        for one in boxes
    ]
    return fuse_findings([*(Finding(thing, "detector") for thing in objects), *own], least_iou)
