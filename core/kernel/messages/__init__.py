"""The words of every finding, in English and Chinese, one entry a code.

Groups: DOC documents, PLG plugins, CFG configs, WIR wiring, DEV devices, CAP capacity, BND bundles, EPI episodes, CLI the command line
(`composing`); RUN runtime, LOG the store log, INP input, HST host processes, OUT the outbox, UPL the upward queue, OBS seen from outside,
HLT health (`running`).
"""

from __future__ import annotations

from storeloom.core.kernel.messages import composing, running
from storeloom.core.kernel.messages.message import SEVERITIES, Message

__all__ = ["MESSAGES", "SEVERITIES", "Message"]

MESSAGES: dict[str, Message] = {**composing.MESSAGES, **running.MESSAGES}
