"""Chat groups near the store: who is in them, who joins, what is shared and said there."""

from __future__ import annotations

from math import cos, radians

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.world import World

IN_A_GROUP = 0.2
GROUP_SIZE = 45
JOINS_A_DAY, TALK_A_DAY, SHARES_A_DAY = 0.01, 0.08, 0.02
FARTHEST_M, METRES_A_DEGREE = 4500.0, 111_195.0
NETWORKS = ("chat_group", "chat_group", "short_video", "messenger")
SAID = ("今天草莓到货了吗", "有人一起拼单吗", "昨天的面包很好吃", "周末有活动吗", "求推荐晚餐食材", "排队人多吗")


class Groups:
    """A fifth of the members are in a group of about 45. When the store begins to listen it is told who is in each; later, who joins.

    A day, one member in a hundred joins, eight of a hundred in a group say something there, two share (every fifth share is a gift of
    one point to another member of the group).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        chance = Chance(world.seed, "groups")
        self.groups: dict[str, Row] = {}
        for number in range(1, 2 + round(len(self.members) * IN_A_GROUP / GROUP_SIZE)):
            metres = round(FARTHEST_M * chance.random())
            network, place = chance.pick(NETWORKS), self._place(metres, chance)
            self.groups[f"grp-{number}"] = {"network": network, "geo": place, "metres": metres, "members": []}
        for member in self.members:
            if chance.hit(IN_A_GROUP):
                self.groups[chance.pick(list(self.groups))]["members"].append(member)
        for name, group in self.groups.items():
            world.truth.groups.append({"group": name, "network": group["network"], "metres": group["metres"], "members": group["members"]})
        self._linked = False

    def _place(self, metres: float, chance: Chance) -> Row:
        """A place so far from the store, to the north, east, south or west of it."""
        geo = self.world.profile.get("geo") or {"lat": 0.0, "lon": 0.0}
        north, east = chance.pick(((1, 0), (0, 1), (-1, 0), (0, -1)))
        lat = geo["lat"] + north * metres / METRES_A_DEGREE
        return {"lat": round(lat, 6), "lon": round(geo["lon"] + east * metres / METRES_A_DEGREE / cos(radians(geo["lat"])), 6)}

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("groups")
        if not self._linked and self.world.wants("member.event"):
            self._linked = True
            for name, group in self.groups.items():
                for number, member in enumerate(group["members"]):
                    self._tell(opens - 600 + number, "join", name, member, geo=group["geo"])
        for _ in range(chance.poisson(len(self.members) * IN_A_GROUP * JOINS_A_DAY)):
            self.world.schedule(chance.uniform(opens, closes), self._join)
        for _ in range(chance.poisson(len(self.members) * IN_A_GROUP * TALK_A_DAY)):
            self.world.schedule(chance.uniform(opens, closes), self._say)
        for _ in range(chance.poisson(len(self.members) * IN_A_GROUP * SHARES_A_DAY)):
            self.world.schedule(chance.uniform(opens, closes), self._share)

    def _tell(self, stamp: float, kind: str, name: str, member: str, **more: object) -> None:
        data: Row = {"kind": kind, "member": member, "group": name, "network": self.groups[name]["network"], "channel": "group", **more}
        self.world.tell(stamp, "member.event", "messaging-1", data)

    def _pair(self) -> tuple[Chance, str, list[str]]:
        """Who does something in which group."""
        chance = self.world.chance("group doings")
        name = chance.pick([name for name, group in self.groups.items() if group["members"]] or list(self.groups))
        return chance, name, self.groups[name]["members"]

    def _join(self, stamp: float) -> None:
        chance, name, inside = self._pair()
        member = chance.pick(self.members) if self.members else None
        if member is not None and all(member not in group["members"] for group in self.groups.values()):
            inside.append(member)
            self._tell(stamp, "join", name, member, geo=self.groups[name]["geo"])

    def _say(self, stamp: float) -> None:
        chance, name, inside = self._pair()
        if inside:
            self._tell(stamp, "chat", name, chance.pick(inside), text=chance.pick(SAID))

    def _share(self, stamp: float) -> None:
        chance, name, inside = self._pair()
        gift, item = chance.hit(0.2), chance.pick(self.world.tables["products"])["gtin"]
        if len(inside) > 1:
            giver, other = chance.sample(inside, 2)
            self._tell(stamp, "share", name, giver, **({"values": {"to": other, "points": 1}} if gift else {"item": item}))
