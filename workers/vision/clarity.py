"""Whether a picture can be judged by eye: how bright and how sharp it is, and the picture as a file."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Clarity:
    """Mean brightness (0..255), and the variance of the Laplacian: low for a picture out of focus or with little in it."""

    luma: float
    blur_var: float

    def usable(self, dark_luma: float, blur_var: float) -> bool:
        """Neither darker nor less sharp than these."""
        return self.luma >= dark_luma and self.blur_var >= blur_var


def clarity(picture: NDArray[np.uint8]) -> Clarity:
    """Of a BGR picture, over its luma (ITU-R BT.601).

    Sharpness as in Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy: a comparative study, 2000.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return Clarity(float(grey.mean()), float(cv2.Laplacian(grey, cv2.CV_64F).var()))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A BGR picture as a JPEG file's bytes, without any metadata."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return data.tobytes()
