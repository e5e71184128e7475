"""Networks that answer with one vector a picture: class scores, or an embedding."""

from __future__ import annotations

import numpy as np

from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.layouts.base import Shape, Tensors, activated
from storeloom.workers.vision.models import ModelCard


def probabilities(card: ModelCard, tensors: Tensors) -> Floats:
    """One probability for each of the card's classes."""
    return activated(tensors[card.output["scores"]].reshape(-1), card.output["activation"])


def embedding(card: ModelCard, tensors: Tensors) -> Floats:
    """The vector, of length 1 (L2); zeros where the network gives zeros."""
    vector = tensors[card.output["embedding"]].reshape(-1)
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 0 else vector


def shapes(card: ModelCard) -> dict[str, Shape | None]:
    if card.task == "embed":
        return {card.output["embedding"]: (1, card.output["size"])}
    return {card.output["scores"]: (1, len(card.classes))}
