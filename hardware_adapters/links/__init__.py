"""What drivers share: the life of a connection, its state as told to the store, and transports that several protocols run over.

The names of `__all__` are part of the stable surface, as those of `storeloom.core` (docs/stability.md): the bases of drivers and twins, and
the serial line. The other transports are for the drivers of this package and may change with any version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storeloom.core.deprecation import lazily

if TYPE_CHECKING:
    from storeloom.hardware_adapters.links.driver import Facts, LinkDriver, SharedLinkDriver
    from storeloom.hardware_adapters.links.errors import not_installed, of_os
    from storeloom.hardware_adapters.links.serial_line import SerialConfig, SerialDriver, SerialLine
    from storeloom.hardware_adapters.links.serial_twin import SerialTwin
    from storeloom.hardware_adapters.links.twin import Said, Twin

__all__ = [
    "Facts",
    "LinkDriver",
    "Said",
    "SerialConfig",
    "SerialDriver",
    "SerialLine",
    "SerialTwin",
    "SharedLinkDriver",
    "Twin",
    "not_installed",
    "of_os",
]

if not TYPE_CHECKING:  # where the names above are at home; a type checker knows, and should complain of any other
    __getattr__ = lazily(
        __name__,
        {
            "driver": "Facts LinkDriver SharedLinkDriver",
            "errors": "not_installed of_os",
            "serial_line": "SerialConfig SerialDriver SerialLine",
            "serial_twin": "SerialTwin",
            "twin": "Said Twin",
        },
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
