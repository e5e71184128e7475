"""Readers loaded once for all reading tests."""

import pytest

from storeloom.workers.vision.reading.labels import LabelReader
from storeloom.workers.vision.reading.plates import PlateReader
from storeloom.workers.vision.reading.text import TextReader


@pytest.fixture(scope="session")
def text_reader() -> TextReader:
    return TextReader()


@pytest.fixture(scope="session")
def plate_reader(text_reader: TextReader) -> PlateReader:
    return PlateReader(text_reader)


@pytest.fixture(scope="session")
def label_reader(text_reader: TextReader) -> LabelReader:
    return LabelReader(text_reader)
