"""For twins of BACnet devices: bacpypes3's own objects and application behind a wire for datagrams that goes wrong."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.datagram_twin import CALL_S, DATAGRAM_FAULTS, DatagramTwin


class BacnetTwin(DatagramTwin):
    """A device with the objects that a subclass makes. `value` reads a present value, `put` sets one as the device itself does."""

    faults: ClassVar[tuple[str, ...]] = (*DATAGRAM_FAULTS, "odd", "reboot")

    def __init__(self) -> None:
        super().__init__()
        self._app: Any = None
        self.done: list[Mapping[str, Any]] = []

    @abstractmethod
    def objects(self) -> Sequence[Any]:
        """Its objects, made anew; called in the loop."""

    async def boot(self) -> None:
        from bacpypes3.ipv4.app import NormalApplication
        from bacpypes3.local.device import DeviceObject
        from bacpypes3.pdu import IPv4Address

        if self._app is not None:
            self._app.close()
        twin = self

        class Application(NormalApplication):  # type: ignore[misc]
            async def do_WritePropertyRequest(self, apdu: Any) -> None:  # noqa: N802
                await super().do_WritePropertyRequest(apdu)
                name = str(apdu.objectIdentifier)
                twin.done.append({"object": name, "value": str(twin.found(name).presentValue), "priority": apdu.priority})

        times = {"apduTimeout": 300, "apduSegmentTimeout": 300, "numberOfApduRetries": 0}
        device = DeviceObject(objectIdentifier=("device", 599), objectName="twin", vendorIdentifier=999, modelName="twin 1", **times)
        self._app = Application(device, IPv4Address(f"127.0.0.1:{self.served}"))
        for one in self.objects():
            self._app.add_object(one)

    def found(self, name: str) -> Any:
        from bacpypes3.primitivedata import ObjectIdentifier

        return self._app.objectIdentifier[ObjectIdentifier(name)]

    def put(self, name: str, value: Any) -> None:
        assert self.loop is not None, "the twin has not been started"
        self.loop.call(self._put(name, value), CALL_S)

    async def _put(self, name: str, value: Any) -> None:
        self.found(name).presentValue = value

    def value(self, name: str) -> Any:
        return self.found(name).presentValue

    def settings(self) -> Mapping[str, Any]:
        return {"address": f"127.0.0.1:{self.port}", "poll_s": 0.2, "timeout_s": 0.3}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return self.done

    def reboot(self) -> None:
        assert self.loop is not None
        self.loop.call(self.boot(), CALL_S)

    async def stop(self) -> None:
        self._app.close()
