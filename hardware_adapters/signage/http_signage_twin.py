"""The virtual twin of a player over HTTP: it looks for its schedule, keeps reports until they are taken, and comes back by itself.

The driver is the server here: the twin picks its port, and its own requests go over a wire that goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, CallingTwin
from storeloom.hardware_adapters.signage.player_twin import PLAYER, Player, wanted

LOOK_S, ANSWER_S = 0.05, 0.5


class HttpSignageTwin(CallingTwin):
    faults = (*WIRE_FAULTS, "reboot", "duplicate", "stale", "checksum", "flood", "odd")
    at_once = 50

    def __init__(self) -> None:
        super().__init__()
        self.player = Player()
        self._tag = ""

    def settings(self) -> Mapping[str, Any]:
        return {"listen": self.listen, "token": "player_token", "silence_s": 2.0}

    def secrets(self) -> Mapping[str, str]:
        return {"player_token": "twin-player-0001"}

    def run(self) -> None:
        import httpx

        base, headers = f"http://127.0.0.1:{self.port}/unit-1/", {"Authorization": "Bearer twin-player-0001"}
        with httpx.Client(base_url=base, headers=headers, timeout=ANSWER_S, trust_env=False) as client:
            while not self.ending.wait(LOOK_S):
                try:
                    self._look(client)
                    self._send(client)
                except (httpx.HTTPError, ValueError, KeyError, TypeError):
                    continue  # the network is away or spoils what comes: at the next look again

    def _look(self, client: Any) -> None:
        query: dict[str, str | int] = {"player": PLAYER, "queued": len(self.player.queue)}
        answer = client.get("schedule", params=query, headers={"If-None-Match": self._tag} if self._tag else {})
        if answer.status_code == 200:
            self.player.got(answer.json())
            self._tag = answer.headers["etag"]

    def _send(self, client: Any) -> None:
        reports = self.player.waiting(self.fault)
        if not reports:
            return
        body = orjson.dumps({"reports": reports})
        answer = client.post("played", content=body[: len(body) // 2] if self.fault == "checksum" else body)
        if answer.status_code in (200, 422):
            self.player.taken(answer.json()["taken"])
        if answer.status_code == 422:  # it could be sent for ever: a player lets go what is refused
            self.player.queue.clear()

    def reboot(self) -> None:
        self.player.forget()
        self._tag = ""

    def act(self, number: int) -> Sequence[Said]:
        asset = f"poster-{number}"
        self.player.show(asset)
        return [Said("sign.played", {"screen": "unit-1", "asset": asset, "duration_s": 8.0, "complete": True})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "sign.play", wanted(number)

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.player.entries.values())
