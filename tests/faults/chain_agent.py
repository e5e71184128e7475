"""`storeloom agent run` with short spans, for a test that has no hour: `python -m tests.faults.chain_agent HOME`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from storeloom.core.agent.agent import Times
from storeloom.core.agent.home import Home
from storeloom.core.agent.talking import Spans
from storeloom.core.agent.watching import Limits
from storeloom.core.agent.working import claim, make_agent, work

TIMES = Times(look_s=0.2, steady_s=0.5, again_s=0.2, longest_s=1.0)
SPANS = Spans(wait_s=10, health_s=2.0, figures_s=5.0, least_s=0.2, report_s=0.2)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home = Home(Path(sys.argv[1]))
    claim(home)
    work(*make_agent(home, times=TIMES, limits=Limits(), span_s=1.0), SPANS, 1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
