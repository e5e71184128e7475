"""A group of cameras whose pictures are analysed where they are decoded: only what was seen in them reaches the store.

Each camera has a job: its address, its algorithms with their settings, how important it is. The cameras run in this process or on Ray, on
this machine or a cluster; what gives way in an overload and what moves after a loss is told as `device.status` of that camera. Frames are
never handed in. For cameras whose frames solutions look at themselves there is `camera`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Fact

if TYPE_CHECKING:
    from storeloom.workers.vision.pool.hosted import HostedPool, News
    from storeloom.workers.vision.pool.job import CameraJob

TAKE_S = 0.5
WORST = ("failed", "waiting", "leaving", "running", "ended")
STATES = {"failed": "fault", "waiting": "degraded", "leaving": "online", "running": "online", "ended": "offline"}


class AnalysedCameras(Adapter):
    zh, en = "分析型摄像头组", "Analysed cameras"
    purpose_zh = "一组摄像头就地解码分析（本机线程或 Ray 集群），只输出分析结果与各摄像头状态，不输出画面。"
    feeds = (
        "vision.detections",
        "vision.track",
        "vision.count",
        "vision.zone",
        "vision.heatmap",
        "vision.shelf",
        "vision.item",
        "vision.text",
        "vision.plate",
        "vision.incident",
        "device.status",
    )

    class Config(SolutionConfig):
        cameras: list[dict[str, Any]] = setting(
            list,
            "Camera jobs: camera, address, algorithms, model, fps, least_fps, priority",
            "摄像头任务：camera、address、algorithms、model、fps、least_fps、priority",
            effect="restart",
            help_en="As [[cameras]] of a file for `storeloom vision run`. Priority 1 gives way last, 9 first.",
            help_zh="与 storeloom vision run 任务文件中的 [[cameras]] 相同。优先级 1 最后让出算力，9 最先让出。",
        )
        user: str = setting("", "User name at the cameras", "摄像头用户名", effect="restart")
        password: str = setting("", "Secret with their password", "摄像头密码所在的密钥名", effect="restart", widget="secret")
        ray: str = setting(
            "",
            "Ray: empty for this process, local, or the address of a cluster",
            "Ray：空为本进程，local 为本机自启，或集群地址",
            effect="restart",
        )
        cores: int | None = setting(
            None, "Cores used on this machine (empty: all)", "本机使用的核心数（空：全部）", effect="restart", ge=1, le=256
        )

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._closing = Flag()
        self._pool: HostedPool | None = None

    def facts(self) -> Iterator[Fact]:
        """Readings of all cameras and `device.status` of each, until all recordings have ended or the driver is closed.

        The key of a fact is its camera, its frame's number and its place among that frame's: a repeat is told. InputFault with all that is
        wrong with the jobs.
        """
        jobs = {job.camera: job for job in self._jobs()}
        with self._opened(list(jobs.values())) as pool:
            self._pool = pool
            while not pool.done and not self._closing.is_set():
                for news in pool.take(TAKE_S):
                    yield from self._told(news, jobs[news.camera])

    def status(self) -> Mapping[str, Any]:
        pool = self._pool
        if pool is None:
            return {}
        now = pool.now()
        phases = [one.phase for one in now.values()]
        worst = next((phase for phase in WORST if phase in phases), "ended")
        lowered = [camera for camera, one in now.items() if one.fps is not None]
        state = "degraded" if lowered and STATES[worst] == "online" else STATES[worst]
        frames = sum(one.counts.frames for one in now.values())
        figures = {"cameras": len(now), "running": phases.count("running"), "lowered": len(lowered), "frames": frames}
        if state == "online":
            return {"state": state, "figures": figures}
        those = ", ".join(sorted({*lowered, *(camera for camera, one in now.items() if one.phase == worst)}))
        return {"state": state, "text": {"en": f"Not at full rate: {those}.", "zh": f"未全速运行：{those}。"}, "figures": figures}

    def close(self) -> None:
        self._closing.set()

    def _told(self, news: News, job: CameraJob) -> Iterator[Fact]:
        """The facts of a report, or of what is told of a camera."""
        from storeloom.workers.vision.pool.job import Told

        now = self.now() if job.live else None
        if isinstance(news, Told):
            data = news.as_status(self.context.language)
            yield Fact(now or news.time, "device.status", self.device, data, news.time, f"{news.camera}|status|{news.number}")
            return
        for one in news.readings:
            yield Fact(now or one.time, one.stream, self.device, dict(one.data), one.time, f"{news.camera}|{one.seq}|{one.index}")

    def _jobs(self) -> list[CameraJob]:
        """The jobs of the config, with user and password put into the addresses of streams."""
        from storeloom.workers.vision.grab.faults import TEXTS
        from storeloom.workers.vision.pool.job import JobFault, jobs

        if not self.config.cameras:
            return []
        try:
            found = jobs({"cameras": self.config.cameras})
        except JobFault as error:
            raise InputFault([replace(one, path=f"config.{one.path}") for one in error.findings]) from error
        password = self.secret(self.config.password) if self.config.password else ""
        for k, job in enumerate(found):
            if job.source.has_password:
                words = TEXTS["password_in_address"]
                args = {"problem": {"en": words.en, "zh": words.zh}, "remedy": {"en": words.fix_en, "zh": words.fix_zh}}
                raise InputFault(Finding("SL-CFG-05", args, path=f"config.cameras[{k}].address"))
        where = {job.camera: job.source.with_login(self.config.user, password) for job in found}
        return [replace(job, address=where[job.camera].target) if where[job.camera].kind == "network" else job for job in found]

    def _opened(self, jobs: list[CameraJob]) -> HostedPool:
        """The pool; InputFault where an extra is missing or Ray cannot be used."""
        from storeloom.workers.vision.pool.hosted import PoolError

        try:
            from storeloom.workers.vision.pool.opening import open_pool

            return open_pool(jobs, self.config.ray, self.config.cores)
        except ModuleNotFoundError as error:
            extra = "ray" if (error.name or "").split(".")[0] == "ray" else "vision"
            raise InputFault(Finding("SL-INP-03", {"what": "analysed", "extra": extra})) from error
        except PoolError as error:
            args = {"problem": {"en": error.what, "zh": f"无法使用 Ray（{error.what.rstrip('.')}）。"}, "remedy": error.remedy}
            raise InputFault(Finding("SL-CFG-05", args, path="config.ray")) from error
