"""Counts stock movements by product as version 1 does, but keeps its counts under other keys."""

from storeloom.core.kernel.hooks import hookimpl
from tally.base import Tallying


class Tally(Tallying):
    zh, en = "计数", "Tally"
    purpose_zh = "按商品统计库存变动，供故障测试使用。"
    version = "2.0.0"
    prefix = "n:"


@hookimpl
def storeloom_migrate_state(state, version):
    if version != "1.0.0":
        return None
    return {f"n:{key[2:]}" if key.startswith("k:") else key: value for key, value in state.items()}
