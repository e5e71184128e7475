"""An embedding without a network: a picture's vector is its mean blue, green and red, and so can be worked out by hand."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.items.embedding import Part, unit


class Colours:
    """Stands in for `Embedding`. `size` elements: three colours, the rest zeros."""

    def __init__(self, size: int = 3, name: str = "colours") -> None:
        self.parts = (Part(name, "0" * 16, size),)
        self.size = size

    @property
    def identity(self) -> list[dict[str, Any]]:
        return [{"model": part.name, "sha256": part.sha256, "size": part.size} for part in self.parts]

    def embed(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return unit(np.r_[picture.reshape(-1, 3).mean(axis=0), np.zeros(self.size - 3)])


def plain(blue: int, green: int, red: int) -> NDArray[np.uint8]:
    """A picture of one colour."""
    return np.full((8, 8, 3), (blue, green, red), np.uint8)


def goods(items: int, each: int, size: int, seed: int, *, spread: float = 0.5) -> dict[str, NDArray[np.float32]]:
    """Made-up vectors of length 1: items lie at random, their pictures around them."""
    rng = np.random.default_rng(seed)
    made = {}
    for number in range(items):
        centre = rng.normal(size=size)
        cloud = centre + spread * rng.normal(size=(each, size))
        made[f"{seed}-{number}"] = (cloud / np.linalg.norm(cloud, axis=1, keepdims=True)).astype(np.float32)
    return made
