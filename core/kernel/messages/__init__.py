"""The words of every finding, in English and Chinese, one entry a code.

Groups: DOC documents, PLG plugins, CFG configs, WIR wiring, DEV devices, CAP capacity, BND bundles, EPI episodes, CLI the command line
(`composing`); RUN runtime, LOG the store log, INP input, CLK the clock, OBS seen from outside, HLT health, HST host processes
(`running`); OUT the outbox, UPL the upward queue (`delivering`); API requests to the control plane (`controlling`); DSG designs of stores,
REL releases and plans, SEC sealed secrets, FLT asking for them (`designing`); TRU signed targets
and sealed secrets (`trusting`); AGT a store's agent (`agents`); ENR agents that enrol and report, ROL roll-outs
(`fleet`); MOD vision models (`seeing`); ITM catalogues of items (`items`); CUS
members' receipts and what is estimated from them (`customers`); EXP tests and comparisons (`experiments`); FCT series that are to be
forecast (`forecasting`); ENM energy days and their baselines (`measuring`); CAL calendars, DRV what drives demand (`driving`); ORD orders
and prices (`ordering`); PLN plans: routes, space, tasks, picking, set points, appointments (`planning`); PIL pilot
projects (`piloting`); CHK packages that are checked (`conforming`, `proving`), NEW made (`scaffolding`), PUB published (`publishing`);
MCH machines (`machine`).
"""

from __future__ import annotations

from storeloom.core.kernel.messages import (
    agents,
    composing,
    conforming,
    controlling,
    customers,
    delivering,
    designing,
    driving,
    experiments,
    fleet,
    forecasting,
    items,
    machine,
    measuring,
    ordering,
    piloting,
    planning,
    proving,
    publishing,
    running,
    scaffolding,
    seeing,
    trusting,
)
from storeloom.core.kernel.messages.message import SEVERITIES, Message

__all__ = ["MESSAGES", "SEVERITIES", "Message"]

MESSAGES: dict[str, Message] = {
    **composing.MESSAGES,
    **running.MESSAGES,
    **delivering.MESSAGES,
    **controlling.MESSAGES,
    **designing.MESSAGES,
    **trusting.MESSAGES,
    **agents.MESSAGES,
    **fleet.MESSAGES,
    **seeing.MESSAGES,
    **items.MESSAGES,
    **customers.MESSAGES,
    **experiments.MESSAGES,
    **forecasting.MESSAGES,
    **measuring.MESSAGES,
    **driving.MESSAGES,
    **ordering.MESSAGES,
    **planning.MESSAGES,
    **piloting.MESSAGES,
    **conforming.MESSAGES,
    **proving.MESSAGES,
    **machine.MESSAGES,
    **publishing.MESSAGES,
    **scaffolding.MESSAGES,
}
