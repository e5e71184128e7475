"""A night's recordings into readings: by the cores of this machine, or by Ray Data over many.

Which camera a file is of, and when it begins, stands in `recordings.toml` or `recordings.json` beside the files (`[[recordings]]` with
`file`, `camera`, `start`), or else in its name: `CAMERA_YYYYMMDDTHHMMSSZ.EXT`, UTC. A camera's files are one chain, worked on in order of
time: what the camera remembers goes on from one to the next that begins within a minute. Chains run
side by side.

Each file gives one file of readings, a row a reading, written whole or not at all, and a note that it is done. A file whose note fits it,
its job and the file before it is not worked on again. A damaged file gives what can be read of it, and a finding; the others go on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import parse_time, plain, rfc3339
from storeloom.workers.vision.errors import VisionError
from storeloom.workers.vision.grab.faults import GrabError
from storeloom.workers.vision.grab.source import GrabSettings, Source
from storeloom.workers.vision.pool.job import CameraJob, Noted
from storeloom.workers.vision.pool.kept import Kept
from storeloom.workers.vision.pool.work import CameraWork, Models

Form = Literal["jsonl", "parquet"]
FORMS: tuple[Form, ...] = ("jsonl", "parquet")
NAMED = re.compile(r"(?P<camera>[A-Za-z0-9][A-Za-z0-9_.-]*)_(?P<start>\d{8}T\d{6}Z)\.(?P<ext>[A-Za-z0-9]+)")
FOOTAGE = frozenset({"mp4", "avi", "mkv", "mov", "gif", "webm", "ts", "m4v"})
MANIFESTS = ("recordings.toml", "recordings.json")
DONE = ".done"
GAP_S = 60.0
COLUMNS = ("camera", "file", "seq", "index", "time", "stream", "data")


@dataclass(frozen=True)
class Piece:
    """One file of a camera's footage; `start` is the time of its first frame."""

    camera: str
    file: Path
    start: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of a file: readings and frames, whether it was done already, and what is wrong with it."""

    camera: str
    file: str
    readings: int
    frames: int
    resumed: bool = False
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        told = [{"code": one.code, "args": dict(one.args), "file": one.file} for one in self.findings]
        known = {"camera": self.camera, "file": self.file, "readings": self.readings, "frames": self.frames}
        return known | {"resumed": self.resumed, "findings": told}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Outcome:
        findings = tuple(Finding(one["code"], one["args"], file=one["file"]) for one in raw["findings"])
        return cls(raw["camera"], raw["file"], raw["readings"], raw["frames"], raw["resumed"], findings)


@dataclass(frozen=True)
class Chain:
    """One camera's files in order of time, where their readings go, and as what."""

    job: CameraJob
    pieces: tuple[Piece, ...]
    out: Path
    form: Form


@dataclass
class Plan:
    """The chains of a folder, and what was found in it that cannot be worked on."""

    chains: list[Chain] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def plan(folder: Path, jobs: Sequence[CameraJob], out: Path, form: Form = "jsonl") -> Plan:
    """What is to be done for a folder of recordings. A file that no job is for, or that nothing names, is a finding."""
    made = Plan()
    known = {job.camera: job for job in jobs}
    pieces: dict[str, list[Piece]] = {}
    for piece in _pieces(folder, made.findings):
        if piece.camera in known:
            pieces.setdefault(piece.camera, []).append(piece)
        else:
            words = {"en": f"no job is for its camera '{piece.camera}'", "zh": f"没有摄像机“{piece.camera}”的任务"}
            made.findings.append(_refused(piece.file, words, f"Add a job for it; there are jobs for: {', '.join(known)}."))
    for camera, files in sorted(pieces.items()):
        made.chains.append(Chain(known[camera], tuple(sorted(files, key=lambda one: (one.start, one.file.name))), out, form))
    return made


def work(made: Plan, *, threads: int | None = None) -> Iterator[Outcome]:
    """Work through the chains on the cores of this machine, a thread a chain; outcomes as they come."""
    models = Models()
    count = threads if threads is not None else len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(count, "recordings") as pool:
        waiting = [pool.submit(lambda chain=chain: list(follow(chain, models))) for chain in made.chains]  # type: ignore[misc]
        for done in as_completed(waiting):
            yield from done.result()


def work_on_ray(made: Plan, *, address: str = "local", cores: int | None = None) -> Iterator[Outcome]:
    """The same by Ray Data: a task a chain, one core each. All machines must reach the recordings and the folder of the readings."""
    import ray.data

    from storeloom.workers.pool.ray_session import SESSION
    from storeloom.workers.vision.pool.ray_pool import join

    join(address, cores)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        if made.chains:
            numbers = [{"chain": number} for number in range(len(made.chains))]
            rows = ray.data.from_items(numbers, override_num_blocks=len(numbers)).flat_map(follower(made.chains), num_cpus=1)
            for row in rows.iter_rows():
                yield Outcome.of(json.loads(row["outcome"]))
    finally:
        SESSION.leave()


def follower(chains: Sequence[Chain]) -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    """A task of Ray Data: the chain of a row from end to end, its outcomes as rows."""

    def task(row: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"outcome": json.dumps(one.as_json())} for one in follow(chains[int(row["chain"])], Models())]

    return task


def follow(chain: Chain, models: Models) -> Iterator[Outcome]:
    """A camera's files in order, those that are done passed over; a file that cannot be read is an outcome, too."""
    write = writer(chain.form)
    kept: Kept | None = None
    before = ""
    for piece, following in zip(chain.pieces, [*chain.pieces[1:], None], strict=True):
        before = _digest(chain, piece, following, before)
        note = chain.out / DONE / chain.job.camera / f"{piece.file.name}.json"
        told = _told(note, before)
        if told is not None:
            kept = None if told["kept"] is None else Kept(**told["kept"])
            yield Outcome.of({**told["outcome"], "resumed": True})
            continue
        outcome, rows, kept = _one(chain.job, piece, following, models, _going_on(kept, piece))
        write(chain.out / chain.job.camera / f"{piece.file.name}.{chain.form}", rows)
        remembered = None if kept is None else kept.as_json()
        _whole(note, json.dumps({"digest": before, "outcome": outcome.as_json(), "kept": plain(remembered)}).encode())
        yield outcome


def _going_on(kept: Kept | None, piece: Piece) -> Kept | None:
    """What is remembered of the file before, unless too much time lies between."""
    latest_s = None if kept is None else kept.algorithms["latest_s"]
    return kept if latest_s is not None and piece.start.timestamp() - latest_s <= GAP_S else None


def _one(
    job: CameraJob, piece: Piece, following: Piece | None, models: Models, kept: Kept | None
) -> tuple[Outcome, list[dict[str, Any]], Kept | None]:
    """One file: its outcome, its rows, and what the camera remembers after it. Windows that are open at its end are told with it, unless
    the file that follows goes on with them."""
    camera = CameraWork(job, models, kept)
    rows: list[dict[str, Any]] = []
    frames, findings = 0, list[Finding]()
    seq, time = -1, piece.start
    try:
        with Source(piece.file, GrabSettings(fps=job.fps), start=piece.start) as source:
            for grabbed in source.frames():
                seq, time = grabbed.seq, grabbed.time
                rows += [_row(piece, one) for one in camera.look(seq, time, grabbed.image)]
                frames += 1
    except GrabError as error:
        words = {lang: text.rstrip(".。") for lang, text in error.words.items()}
        findings.append(_refused(piece.file, words, error.remedy))
    except VisionError as error:
        said = str(error).rstrip(".")
        words = {"en": said, "zh": f"录像分析失败（{said}）"}
        findings.append(_refused(piece.file, words, "Check the model and the settings of its job."))
    for standing in camera.standings():
        if not standing.on and standing.words is not None:
            words = {lang: text.rstrip(".。") for lang, text in standing.words.items()}
            findings.append(_refused(piece.file, words, "Correct its settings and run again."))
    if following is None or _going_on(camera.state(), following) is None:
        rows += [_row(piece, one) for one in camera.rest(seq + 1, time)]
    return Outcome(job.camera, piece.file.name, len(rows), frames, False, tuple(findings)), rows, camera.state()


def _row(piece: Piece, one: Noted) -> dict[str, Any]:
    data = json.dumps(plain(one.data), ensure_ascii=False, sort_keys=True)
    values = (piece.camera, piece.file.name, one.seq, one.index, rfc3339(one.time), one.stream, data)
    return dict(zip(COLUMNS, values, strict=True))


def writer(form: Form) -> Callable[[Path, Sequence[Mapping[str, Any]]], None]:
    """What writes rows; ModuleNotFoundError for Parquet without polars."""
    if form == "jsonl":
        return _write_lines
    import polars

    schema: dict[str, Any] = dict.fromkeys(COLUMNS, polars.String) | {"seq": polars.Int64, "index": polars.Int64}

    def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        import io

        held = io.BytesIO()
        polars.DataFrame(list(rows), schema=schema).write_parquet(held)
        _whole(path, held.getvalue())

    return write


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = (json.dumps({**row, "data": json.loads(row["data"])}, ensure_ascii=False) + "\n" for row in rows)
    _whole(path, "".join(lines).encode())


def _whole(path: Path, content: bytes) -> None:
    """Write a file in such a way that it is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def _told(note: Path, digest: str) -> Mapping[str, Any] | None:
    """The note of a file that is done; None where there is none, or it is of another file, job or chain."""
    if not note.is_file():
        return None
    found: Mapping[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    return found if found["digest"] == digest else None


def _digest(chain: Chain, piece: Piece, following: Piece | None, before: str) -> str:
    """What the readings of a file depend on: it, its time, its job, the form, what came before, and when it goes on."""
    job = {key: value for key, value in chain.job.as_json().items() if key in ("algorithms", "model", "fps")}
    facts = piece.file.stat()
    said = [
        before,
        piece.file.name,
        facts.st_size,
        facts.st_mtime_ns,
        rfc3339(piece.start),
        job,
        chain.form,
        following and rfc3339(following.start),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _pieces(folder: Path, findings: list[Finding]) -> Iterator[Piece]:
    if not folder.is_dir():
        findings.append(_refused(folder, {"en": "there is no such folder", "zh": "目录不存在"}, "Give a folder of recordings."))
        return
    manifest = next((folder / name for name in MANIFESTS if (folder / name).is_file()), None)
    yield from _listed(manifest, findings) if manifest is not None else _named(folder, findings)


def _named(folder: Path, findings: list[Finding]) -> Iterator[Piece]:
    """Pieces by the files' names."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.suffix.lstrip(".").lower() in FOOTAGE]
    if not files:
        findings.append(_refused(folder, {"en": "it holds no recordings", "zh": "目录中没有录像"}, "Give a folder of recordings."))
    for file in files:
        match = NAMED.fullmatch(file.name)
        try:
            yield Piece(match["camera"], file, parse_time(match["start"])) if match else _unnamed()
        except ValueError:
            words = {"en": "its name does not say camera and start", "zh": "文件名未注明摄像机与开始时间"}
            remedy = "Name it CAMERA_YYYYMMDDTHHMMSSZ.EXT, or list it in recordings.toml."
            findings.append(_refused(file, words, remedy))


def _unnamed() -> Piece:
    raise ValueError("not named by the pattern")


def _listed(manifest: Path, findings: list[Finding]) -> Iterator[Piece]:
    """Pieces by the manifest."""
    try:
        text = manifest.read_text(encoding="utf-8")
        raw = tomllib.loads(text) if manifest.suffix == ".toml" else json.loads(text)
        rows = list(raw["recordings"])
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        words = {"en": f"it lists no recordings ({reason})", "zh": f"清单格式错误（{reason}）"}
        findings.append(_refused(manifest, words, "Give [[recordings]] with file, camera, start."))
        return
    for k, row in enumerate(rows):
        try:
            piece = Piece(str(row["camera"]), manifest.parent / str(row["file"]), parse_time(row["start"]))
        except (KeyError, ValueError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            words = {"en": f"recording {k + 1} of it is not right ({reason})", "zh": f"第 {k + 1} 条录像有误（{reason}）"}
            findings.append(_refused(manifest, words, "Give file, camera, and start with its zone."))
            continue
        if piece.file.is_file():
            yield piece
        else:
            words = {"en": "there is no such file", "zh": "文件不存在"}
            findings.append(_refused(piece.file, words, f"Copy it there, or strike it out of {manifest.name}."))


def _refused(file: Path, reason: Mapping[str, str], remedy: str) -> Finding:
    return Finding("SL-INP-01", {"file": str(file), "reason": reason, "remedy": remedy}, file=str(file))
