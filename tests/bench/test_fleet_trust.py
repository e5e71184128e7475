"""The figures of trust, on little: each is there, and the bins keep an agent's share small."""

from storeloom.core.bench.fleet_trust import measure


def test_every_figure_is_measured():
    results = {one.name: one for one in measure(targets=20, stores=300, runs=1, large=1 << 20)}
    assert set(results) == {
        *("tuf_refresh_first", "tuf_refresh_same", "tuf_refresh_new", "tuf_refresh_on_disk", "bundle_verify_against_sha256"),
        *("tuf_publish", "tuf_agent_metadata", "tuf_metadata_on_disk"),
    }
    assert all(one.value > 0 for one in results.values())
    assert results["tuf_refresh_first"].goal == "<= 20" and results["bundle_verify_against_sha256"].goal == ">= 0.7"
    assert 10 < results["tuf_agent_metadata"].value < 20
