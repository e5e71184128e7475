"""Incidents about people: loitering, falls and stillness, staff without uniform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision import loiter, posture
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State, colour_of, incident, persons, stages
from storeloom.workers.vision.algorithms.people import TRACKS, UNIFORM
from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.colour import best_likeness, parse
from storeloom.workers.vision.view import View
from storeloom.workers.vision.zones import contains

FALL_SEVERITY = {"fall": "critical", "lying": "high", "still": "warn"}
FORGET_S = 60.0


@dataclass(frozen=True, kw_only=True)
class LoiterForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where it is in the picture", "区域范围")
    limit_s: float = form.number(180.0, "Staying longer than this is told", "停留超过即上报", "s", least=1)
    away_s: float = form.number(10.0, "An absence up to this is part of the stay", "短暂离开仍算停留", "s", most=600)
    kind: str = form.choice("loiter", "Told as", "事件类型", ("loiter", "intrusion"))
    uniform: tuple[str, ...] = UNIFORM

    def check(self) -> None:
        form.check_polygon(self.polygon)


class Loitering(Algorithm[LoiterForm]):
    """Someone stays in a zone beyond a limit. With a limit of seconds and kind `intrusion` it watches a zone where nobody should be."""

    needs = TRACKS
    streams = ("vision.incident",)
    en, zh = "Loitering", "徘徊"
    Form = LoiterForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options = self.settings
        people = persons(view, None, options.uniform)
        after, news = loiter.step(state, options.polygon, people, view.t_s, limit_s=options.limit_s, away_s=options.away_s)
        more = {"zone": options.zone, "severity": "warn"}
        return after, [incident(view, options.kind, one.track, one.from_s, one.ended_s, track=one.track, **more) for one in news]


@dataclass(frozen=True, kw_only=True)
class FallForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where falls are watched for", "监测范围")
    down_s: float = form.number(4.0, "A fall is told after lying for", "跌倒后躺卧多久上报", "s", least=0.5, most=120)
    lying_s: float = form.number(30.0, "Lying without a seen fall is told after", "未见跌倒的躺卧多久上报", "s", least=1)
    still_s: float = form.number(0.0, "Standing still is told after (0: never)", "静止多久上报（0 为不报）", "s")

    def check(self) -> None:
        form.check_polygon(self.polygon)


class Fall(Algorithm[FallForm]):
    """Someone falls, lies or does not move. See `posture` for what boxes cannot tell: falls along the camera's line of sight, falls behind
    shelves, and cameras in the ceiling."""

    needs = TRACKS
    streams = ("vision.incident",)
    en, zh = "Fall and stillness", "跌倒与静止"
    Form = FallForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options = self.settings
        rule = posture.PostureRule(down_s=options.down_s, lying_s=options.lying_s, still_s=options.still_s)
        people = {track: person for track, person in persons(view).items() if contains(options.polygon, person.foot)}
        after, news = posture.step(state, rule, people, view.aspect, view.t_s)
        return after, [
            incident(
                view, one.kind, one.track, one.from_s, one.ended_s, track=one.track, zone=options.zone, severity=FALL_SEVERITY[one.kind]
            )
            for one in news
        ]


@dataclass(frozen=True, kw_only=True)
class UniformForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where only staff are", "仅员工区域")
    colours: tuple[str, ...] = form.texts(("navy",), "Colours of the uniform", "工服颜色", least=1)
    likeness: float = form.number(0.7, "Likeness that is the uniform", "相似度阈值", "share", least=0.3, most=0.99)
    samples: int = form.count(8, "Judged frames for a verdict", "判定所需帧数", least=3, most=100)
    fail_share: float = form.number(0.7, "Share without it that is told", "缺失比例阈值", "share", least=0.5, most=1)

    def check(self) -> None:
        form.check_polygon(self.polygon)
        for colour in self.colours:
            parse(colour)


class Uniform(Algorithm[UniformForm]):
    """Someone in a zone for staff wears none of the uniform's colours; judged once a track, from several frames."""

    needs = stages("tracks", "frame")
    streams = ("vision.incident",)
    en, zh = "Uniform", "工服检查"
    Form = UniformForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        after = {track: list(entry) for track, entry in state.items() if t_s - entry[3] <= FORGET_S}
        readings = []
        for person in view.observation.of("person"):
            colour = colour_of(view, person) if person.track is not None and contains(options.polygon, person.foot) else None
            if person.track is None or colour is None:
                continue
            judged, without, from_s, _, told = after.get(person.track, [0, 0, t_s, t_s, False])
            judged, without = judged + 1, without + (best_likeness(colour, options.colours) < options.likeness)
            if judged >= options.samples and not told:
                told = True
                if without / judged >= options.fail_share - 1e-9:
                    more = {"track": person.track, "zone": options.zone, "score": without / judged, "severity": "warn"}
                    readings.append(incident(view, "uniform", person.track, from_s, None, **more))
            after[person.track] = [judged, without, from_s, t_s, told]
        return after, readings
