"""`storeloom fleet ...` against a control plane over real HTTP: who asks, tries again, refusals in the reader's language."""

import json
import threading

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from storeloom.core.cli import main
from storeloom.core.commands.fleet_client import access
from storeloom.core.control.client import Access, FleetClient, FleetFault
from storeloom.core.kernel.errors import MisuseFault


@pytest.fixture
def serve():
    """Serves a WSGI application on this machine; its address."""
    servers = []

    def start(app):
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def fleet(designed, plane, serve, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    settings = tmp_path / "fleet.toml"
    url = serve(plane.client.application)
    settings.write_text(f'server = "{url}"\ntoken = "{plane.tokens["north", "integrator"]}"\n')
    settings.chmod(0o600)

    def run(*words):
        capsys.readouterr()
        code = main(["fleet", *words, "--settings", str(settings)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_a_release_is_made_planned_and_explained(fleet, designed, plane):
    assert designed.ask("PUT", "/prices", {"kind": "camera", "currency": "CNY", "cost_low": 100, "cost_high": 300}).status_code == 200
    code, out, err = fleet("release", "spring", "--stores", "a,b")
    assert (code, err) == (0, "") and "release 1, stores: 2" in out
    release = out.split()[-1]
    code, out, _ = fleet("plan", release)
    assert code == 0 and "release 1, stores: 2; swapped live 0, restarted 0, first 2, unchanged 0" in out
    assert "    + esl_price_sync esl_price_sync" in out and "digest sha256:" in out
    told = json.loads(fleet("plan", release, "--stores", "a", "--json")[1])
    assert (told["stores"], told["number"]) == (1, 1)
    code, out, _ = fleet("explain", "a", "solutions.esl_price_sync.config.rise_lead_s")
    assert (code, out) == (0, "/solutions/esl_price_sync/config/rise_lead_s = 300  [template basic rev 1]  (default: 300)\n")
    code, out, _ = fleet("quote", "a", "--lang", "zh")
    assert code == 0 and "1 x camera" in out and "1 – 3 CNY" in out and "成本 1 – 3 CNY（下限，含未知项）" in out


def test_refusals_are_findings_in_the_readers_language(fleet, designed):
    designed.own("b", {"solutions": {"esl_price_sync": {"config": {"colour": 1}}}}, 1)
    code, out, err = fleet("release", "bad")
    assert code == 1 and "[SL-REL-03]" in out and "store b rev 2  solutions.esl_price_sync.config.colour   [SL-CFG-02]" in out
    code, _, err = fleet("explain", "nowhere", "--lang", "zh")
    assert (code, "[SL-API-05]" in err, "没有门店" in err) == (1, True, True)
    code, out, _ = fleet("plan", "nothing", "--json")
    assert (code, json.loads(out)["findings"][0]["code"]) == (1, "SL-API-05")
    assert fleet("plan")[0] == 2 and fleet("explain")[0] == 2


def client(url, waits=None):
    return FleetClient(Access(url, "slt_x"), "en", (waits if waits is not None else []).append)


def test_a_busy_server_is_asked_again_with_the_same_key(serve):
    seen, waits = [], []

    @Request.application
    def app(request):
        seen.append((request.method, request.headers.get("Idempotency-Key"), request.headers["Authorization"]))
        if len(seen) < 3:
            return Response(status=503, headers={"Retry-After": "2"})
        return Response('{"id": "x"}', content_type="application/json", headers={"ETag": '"7"'})

    reply = client(serve(app), waits).post("/releases", {})
    assert (reply.status, reply.body, reply.version, waits) == (200, {"id": "x"}, "7", [2.0, 2.0])
    assert len({key for _, key, _ in seen}) == 1 and seen[0][1] and seen[0][2] == "Bearer slt_x"


def test_a_line_that_breaks_is_tried_again_only_where_that_is_safe():
    waits = []
    nobody = client("http://127.0.0.1:9", waits)
    with pytest.raises(FleetFault) as fault:
        nobody.get("/stores")
    assert (fault.value.findings[0].code, len(waits)) == ("SL-FLT-04", 5)
    assert all(0 <= wait <= 0.5 * 2**number for number, wait in enumerate(waits))
    waits.clear()
    with pytest.raises(FleetFault):
        nobody.put("/stores/a", {}, "1")
    assert waits == [], "nobody knows whether it was carried out"


def test_a_redirection_is_not_followed_with_the_token(serve):
    seen = []

    @Request.application
    def elsewhere(request):
        seen.append(request.headers)
        return Response()

    other = serve(elsewhere)
    here = serve(Request.application(lambda request: Response(status=302, headers={"Location": other})))
    with pytest.raises(FleetFault):
        client(here).get("/stores")
    assert seen == []


def test_pages_are_followed_to_their_end(fleet, plane, serve):
    ask = FleetClient(Access(serve(plane.client.application), plane.tokens["north", "viewer"]), "en")
    assert [one["id"] for one in ask.pages("/stores", {"limit": 2})] == ["a", "b", "c", "s-1"]


class Arguments:
    def __init__(self, **given):
        self.__dict__.update(given)


def test_who_asks_is_told_by_options_then_environment_then_file(tmp_path):
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    with pytest.raises(MisuseFault) as fault:
        access(Arguments(), home)
    assert fault.value.findings[0].code == "SL-FLT-01"
    file = tmp_path / "storeloom" / "fleet.toml"
    file.parent.mkdir()
    file.write_text('server = "https://file"\ntoken = "slt_file"\n')
    file.chmod(0o644)
    with pytest.raises(MisuseFault) as fault:
        access(Arguments(), home)
    assert fault.value.findings[0].code == "SL-FLT-02" and "slt_file" not in str(fault.value)
    file.chmod(0o600)
    assert access(Arguments(), home) == Access("https://file", "slt_file")
    assert access(Arguments(), {**home, "STORELOOM_TOKEN": "slt_env"}) == Access("https://file", "slt_env")
    token = tmp_path / "token"
    token.write_text("slt_given\n")
    token.chmod(0o600)
    told = access(Arguments(server="https://given", token_file=str(token), ca="ca.pem"), {**home, "STORELOOM_TOKEN": "slt_env"})
    assert told == Access("https://given", "slt_given", "ca.pem")
    for server in ("http://hq.example", "ftp://x", "hq"):
        with pytest.raises(MisuseFault) as fault:
            FleetClient(Access(server, "slt_x"), "en")
        assert fault.value.findings[0].code == "SL-FLT-03"
