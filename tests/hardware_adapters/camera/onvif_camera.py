"""A small ONVIF camera: device and media service over SOAP 1.2, users by WS-UsernameToken digest, and answers to WS-Discovery probes."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GROUP = ("239.255.255.250", 3702)
SOAP = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" '
    'xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"><s:Body>{}</s:Body></s:Envelope>'
)
FAULT = SOAP.format(
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">Sender not authorized</s:Text></s:Reason></s:Fault>'
)
TIME = (
    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
    "<tt:UTCDateTime><tt:Time><tt:Hour>10</tt:Hour><tt:Minute>0</tt:Minute><tt:Second>0</tt:Second></tt:Time>"
    "<tt:Date><tt:Year>2020</tt:Year><tt:Month>3</tt:Month><tt:Day>2</tt:Day></tt:Date></tt:UTCDateTime>"
    "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
)
MATCH = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header><a:MessageID>urn:uuid:7d10e9fb-0000-4000-8000-{number:012d}</a:MessageID>'
    "<a:RelatesTo>{probe}</a:RelatesTo><a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>"
    "<a:EndpointReference><a:Address>urn:uuid:cea94000-fb96-11b3-8260-686dbc5cb15d</a:Address></a:EndpointReference>"
    "<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Door%20cam "
    "onvif://www.onvif.org/hardware/DC-1 onvif://www.onvif.org/location/country/china onvif://www.onvif.org/location/city/hangzhou</d:Scopes>"
    "<d:XAddrs>http://127.0.0.1:{port}/onvif/device_service</d:XAddrs><d:MetadataVersion>10</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>"
    "</s:Body></s:Envelope>"
)


def join(line: socket.socket) -> None:
    """Listen for probes (WS-Discovery, April 2005, 2.4)."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    line.bind(("", GROUP[1]))
    line.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP[0]) + socket.inet_aton("0.0.0.0"))
    line.settimeout(0.1)


def heard_in_group() -> bool:
    """Whether this machine's network carries a multicast to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        try:
            join(ear)
            ear.settimeout(1.0)
            mouth.sendto(b"here", GROUP)
            return bool(ear.recv(100))
        except OSError:
            return False


class OnvifCamera:
    """`streams` are profiles by name with their RTSP addresses; tokens are `profile_0`, `profile_1` ..."""

    def __init__(self, streams: dict[str, str], user: str = "", password: str = "") -> None:
        self.streams, self.user, self.password = streams, user, password
        self.port = 0
        self.silent = False
        self.asked: list[str] = []

    def answer(self, body: str) -> tuple[int, str]:
        """The status and the envelope that answer a request."""
        asked = re.search(r"<(?:\w+:)?(Get\w+)[\s/>]", body)
        name = asked[1] if asked else ""
        self.asked.append(name)
        if name == "GetSystemDateAndTime":
            return 200, SOAP.format(TIME)
        if self.user and not self._known(body):
            return 400, FAULT
        return 200, SOAP.format(getattr(self, name)(body))

    def _known(self, body: str) -> bool:
        """Whether it bears the digest of the password (WS-Security UsernameToken Profile 1.0, 3.1), in the camera's own time."""

        def part(name: str) -> str:
            found = re.search(rf"<(?:\w+:)?{name}(?:\s[^>]*)?>([^<]*)<", body)
            return found[1] if found else ""

        digest = hashlib.sha1(base64.b64decode(part("Nonce")) + part("Created").encode() + self.password.encode()).digest()
        return part("Username") == self.user and part("Password") == base64.b64encode(digest).decode() and part("Created")[:4] == "2020"

    def GetServices(self, body: str) -> str:  # noqa: N802 the protocol's own name
        service = (
            "<tds:Service><tds:Namespace>{}</tds:Namespace><tds:XAddr>http://127.0.0.1:{}/onvif/{}</tds:XAddr><tds:Version>"
            "<tt:Major>2</tt:Major><tt:Minor>5</tt:Minor></tds:Version></tds:Service>"
        )
        known = {"http://www.onvif.org/ver10/device/wsdl": "device_service", "http://www.onvif.org/ver10/media/wsdl": "media"}
        listed = "".join(service.format(name, self.port, path) for name, path in known.items())
        return f"<tds:GetServicesResponse>{listed}</tds:GetServicesResponse>"

    def GetProfiles(self, body: str) -> str:  # noqa: N802
        listed = "".join(
            f'<trt:Profiles token="profile_{n}"><tt:Name>{name}</tt:Name></trt:Profiles>' for n, name in enumerate(self.streams)
        )
        return f"<trt:GetProfilesResponse>{listed}</trt:GetProfilesResponse>"

    def GetStreamUri(self, body: str) -> str:  # noqa: N802
        token = re.search(r"ProfileToken>profile_(\d+)<", body)
        assert token is not None and "RTP-Unicast" in body and "Protocol>RTSP<" in body
        uri = list(self.streams.values())[int(token[1])].replace("&", "&amp;")
        return (
            f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
            "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT60S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
        )

    @contextmanager
    def running(self) -> Iterator[OnvifCamera]:
        camera, ended = self, threading.Event()

        class Talk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if camera.silent:
                    ended.wait(10)
                    return
                status, text = camera.answer(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
        server.daemon_threads = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            join(line)
            self.port = server.server_address[1]
            threads = [
                threading.Thread(target=server.serve_forever, args=(0.02,)),
                threading.Thread(target=self._probed, args=(line, ended)),
            ]
            for thread in threads:
                thread.start()
            try:
                yield self
            finally:
                ended.set()
                server.shutdown()
                for thread in threads:
                    thread.join()
                server.server_close()

    def _probed(self, line: socket.socket, ended: threading.Event) -> None:
        number = 0
        while not ended.is_set():
            try:
                probe, peer = line.recvfrom(65536)
            except TimeoutError:
                continue
            found = re.search(rb"MessageID>([^<]+)<", probe)
            if found is not None and b"NetworkVideoTransmitter" in probe:
                number += 1
                line.sendto(MATCH.format(number=number, probe=found[1].decode(), port=self.port).encode(), peer)
