"""ONVIF: cameras that answer in the network (WS-Discovery, April 2005), and where a camera's stream is (Core and Media, ONVIF 2.x).

The search is WSDiscovery's, the calls are onvif-zeep-async's. A camera's device service stands at `/onvif/device_service` (Core, 5.1.1).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from storeloom.core.kernel.adapter import Found
from storeloom.hardware_adapters.links.loop import shared_loop
from storeloom.workers.vision.grab.faults import Fault, GrabError

TYPES = (
    ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
    ("http://www.onvif.org/ver10/device/wsdl", "Device"),
)
SCOPE, SAYS = "onvif://www.onvif.org/", ("name", "hardware", "location")
PORTS = {"http": 80, "https": 443}
STREAM = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
REFUSED = ("notauthorized", "not authorized", "unauthorized", "401")


def place(written: str) -> tuple[str, int]:
    """Scheme with host, and port, of a camera as an operator writes it: `10.0.0.5`, `http://10.0.0.5:8080/onvif/device_service`."""
    try:
        parts = urlsplit(written if "://" in written else f"http://{written}")
        port = parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise GrabError(Fault("malformed"), "onvif") from None
    if parts.username or parts.password:
        raise GrabError(Fault("password_in_address"), "onvif")
    if not parts.hostname:
        raise GrabError(Fault("malformed"), "onvif")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}", port


def stream_address(camera: str, user: str, password: str, profile: str, seconds: float) -> str:
    """The RTSP address of a profile (its name or token; empty: the first). GrabError for what the camera does not give."""
    host, port = place(camera)
    shown = f"{host}:{port}"
    with shared_loop() as loop:
        try:
            return loop.call(_ask(host, port, user, password, profile), seconds)
        except GrabError as error:
            raise GrabError(error.fault, shown) from None
        except TimeoutError:
            raise GrabError(Fault("no_answer", {"limit_s": seconds}), shown) from None
        except Exception as error:  # zeep, aiohttp and the camera each fail in ways of their own
            raise GrabError(_fault(error), shown) from None


async def _ask(host: str, port: int, user: str, password: str, profile: str) -> str:
    from onvif import ONVIFCamera

    proxies = {name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ}
    camera = ONVIFCamera(host, port, user or None, password or None, no_cache=True, adjust_time=True)
    os.environ.update(proxies)  # the library takes them away from the whole process
    try:
        await camera.update_xaddrs()
        media = await camera.create_media_service()
        profiles = {str(one.token): str(one.Name) for one in await media.GetProfiles() or ()}
        token = next((one for one, name in profiles.items() if profile in ("", one, name)), None)
        if token is None:
            raise GrabError(Fault("no_profile", {"got": profile or "-", "known": ", ".join(profiles.values()) or "-"}), "onvif")
        return str((await media.GetStreamUri({"StreamSetup": STREAM, "ProfileToken": token})).Uri).strip()
    finally:
        await camera.close()


def _fault(error: BaseException) -> Fault:
    """What a failed call means. Its own words are not shown: they may hold what was sent."""
    text = f"{error} {getattr(error, 'subcodes', '')}".lower()
    if any(word in text for word in REFUSED):
        return Fault("login_refused")
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 10:
        causes.append(cause)
    if any(isinstance(one, ConnectionRefusedError) for one in causes):
        return Fault("nobody_listens")
    if any(isinstance(one, OSError) for one in causes):
        return Fault("no_route")
    return Fault("onvif")


def search(where: str, seconds: float) -> Iterator[Found]:
    """Cameras that answer in the networks of this host: all (`*` or empty), or those whose address, name or model holds the text."""
    from wsdiscovery import QName
    from wsdiscovery.discovery import ThreadedWSDiscovery

    wanted = where.strip().strip("*").lower()
    told: set[str] = set()
    looker, until = ThreadedWSDiscovery(ttl=4, relates_to=True), time.monotonic() + seconds
    looker.start()
    try:
        for number, names in enumerate(TYPES):
            wait_s = max(0.0, until - time.monotonic()) / (len(TYPES) - number)
            for service in looker.searchServices(types=[QName(*names)], timeout=wait_s):
                address = next((one for one in service.getXAddrs() if one.startswith("http")), None)
                said = _said([str(scope) for scope in service.getScopes()])
                if address is None or address in told or wanted not in " ".join((address, *said.values())).lower():
                    continue
                told.add(address)
                yield Found({"onvif": address}, said)
    finally:
        looker.stop()


def _said(scopes: list[str]) -> Mapping[str, str]:
    """Name, model and place out of a camera's scopes (Core, 7.3.2.2)."""
    said: dict[str, str] = {}
    for scope in scopes:
        key, _, value = unquote(scope.removeprefix(SCOPE)).partition("/")
        if scope.startswith(SCOPE) and key in SAYS and value:
            said[key] = f"{said[key]}, {value}" if key in said else value
    return said
