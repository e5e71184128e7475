"""The store's secrets: opened at the switch, written for the store alone, of the release that runs, and in no log."""

import json
import stat

from storeloom.core.trust import seal
from storeloom.core.trust.wire import Sealed


def held(chain):
    return json.loads((chain.folder / "data" / "secrets.json").read_text())


def test_secrets_are_written_at_the_switch_for_their_owner_alone(chain, caplog):
    caplog.set_level("DEBUG")
    agent = chain.agent()
    desired = chain.publish("spring", uplink="hq_token", secrets={"cam": chain.sealed("pass-word-1")})
    chain.bring(agent, desired, until=("waiting",))
    assert not (chain.folder / "data" / "secrets.json").exists(), "not before the switch"
    chain.step(agent)
    file = chain.folder / "data" / "secrets.json"
    assert held(chain) == {"cam": "pass-word-1", "hq_token": "token-1"} and stat.S_IMODE(file.stat().st_mode) == 0o600
    everywhere = [path for path in chain.home.folder.rglob("*") if path.is_file() and path != chain.home.identity_file]
    for word in ("pass-word-1", "token-1"):
        assert word not in caplog.text
        assert not [path for path in everywhere if word.encode() in path.read_bytes()], "nowhere else in the clear"


def test_a_fall_back_has_its_own_secrets_and_what_the_operator_wrote_stays(chain):
    agent = chain.agent()
    (chain.folder / "data").mkdir()
    (chain.folder / "data" / "secrets.json").write_text('{"own": "mine"}')
    chain.bring(agent, chain.publish("spring", secrets={"cam": chain.sealed("old"), "gone": chain.sealed("g")}))
    assert held(chain) == {"cam": "old", "gone": "g", "own": "mine"}
    chain.bring(agent, chain.publish("summer", secrets={"cam": chain.sealed("new", 2)}))
    assert held(chain) == {"cam": "new", "own": "mine"}
    assert (
        chain.bring(agent, chain.publish("bad", "crash", secrets={"cam": chain.sealed("bad", 3), "more": chain.sealed("m")})) == "refused"
    )
    assert held(chain) == {"cam": "new", "own": "mine"}


def test_a_renewed_secret_alone_is_a_switch_with_a_restart(chain):
    agent = chain.agent()
    spring = chain.publish("spring", secrets={"cam": chain.sealed("old")})
    chain.bring(agent, spring)
    renewed = spring.model_copy(update={"number": 2, "secrets": {"cam": chain.sealed("new", 2)}})
    assert chain.bring(agent, renewed) == "good"
    assert held(chain)["cam"] == "new" and [one["how"] for one in chain.store.starts] == ["start", "restart"]


def test_a_secret_for_another_key_is_refused_before_the_store_is_touched(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    other = Sealed(sealed=seal.to_text(seal.seal(b"x", seal.public_key(seal.new_key()))), version=1)
    assert chain.bring(agent, chain.publish("summer", secrets={"cam": other})) == "refused"
    assert agent.standing.reason["en"] == "The secret 'cam' cannot be opened with this agent's key."
    assert [one["how"] for one in chain.store.starts] == ["start"] and agent.standing.running.release == "spring"
