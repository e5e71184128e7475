"""Tries to reach what is not its own; the reading's sensor says what, its source where. It puts out what came of it."""

import os
import socket

from hostile.base import Counting
from storeloom.core.kernel.contract import SolutionConfig, out, setting


class Trespass(Counting):
    zh, en = "越权访问", "Trespass"
    purpose_zh = "尝试访问不属于自己的内容。"
    reads = ("zones",)

    class Config(SolutionConfig):
        token: str = setting("trespass_token", "Token", "令牌", widget="secret")
        place: str = setting("", "Place to reach", "目标路径")

    def misbehave(self, event):
        try:
            got = str(getattr(self, event["sensor"])())
        except OSError as error:
            got = f"{type(error).__name__} {error.errno}"
        return out("alert.raise", alert="a", kind="seen", severity="info", state="open", text=got)

    def read(self):
        with open(self.config.place, "rb") as file:
            return file.read(4).hex()

    def write(self):
        with open(self.config.place, "ab"):
            return "opened"

    def listing(self):
        return os.listdir(self.config.place)

    def own_folder(self):
        with open("note.txt", "w", encoding="utf-8") as file:
            file.write("mine")
        return sorted(os.listdir("."))

    def network(self):
        return socket.socket()

    def kill_parent(self):
        return os.kill(os.getppid(), 9)

    def parents_memory(self):
        with open(f"/proc/{os.getppid()}/mem", "rb") as file:
            return file.read(1)

    def new_session(self):
        return os.setsid()

    def environment(self):
        return sorted(os.environ)

    def descriptors(self):
        return sorted(map(int, os.listdir("/proc/self/fd")))

    def my_secret(self):
        return self.secret("trespass_token")

    def other_secret(self):
        return self.secret("till_key")

    def undeclared_table(self):
        return self.tables.staff.all_rows()

    def declared_table(self):
        return len(self.tables.zones.all_rows())

    def undeclared_figure(self):
        self.kpi.add("stolen")
