"""The words of what is found in series that are to be forecast."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-FCT-01": Message(
        "error",
        "There are no rows to forecast from.",
        "没有可用于预测的数据行。",
        "Give at least one row of unique_id, ds and y.",
        "请至少提供一行 unique_id、ds 与 y。",
    ),
    "SL-FCT-02": Message(
        "error",
        "Column {column} is missing; there are: {known}.",
        "缺少列 {column}；现有：{known}。",
        "Name the columns unique_id (series), ds (day or time) and y (units).",
        "列名应为 unique_id（序列）、ds（日期或时间）、y（数量）。",
    ),
    "SL-FCT-03": Message(
        "error",
        "Column {column} holds {got} in {count} rows; allowed: {allowed}.",
        "列 {column} 有 {count} 行为 {got}；允许：{allowed}。",
        "Mend or remove these rows.",
        "请更正或删除这些行。",
    ),
    "SL-FCT-04": Message(
        "error",
        "{count} rows repeat a series and step, first {series} on {step}.",
        "{count} 行的序列与时间重复，首个为 {series}（{step}）。",
        "Remove the repeats; if the rows are receipt lines, build the panel with lines=True and they are summed.",
        "请删除重复行；如为小票明细，请以 lines=True 建立面板，将自动求和。",
    ),
    "SL-FCT-05": Message(
        "error",
        "{count} rows lie after {until}, first {series} on {step}.",
        "{count} 行晚于 {until}，首个为 {series}（{step}）。",
        "Check the dates, or give the day up to which sales are known.",
        "请核对日期，或给出销售数据的截止日。",
    ),
    "SL-FCT-06": Message(
        "error",
        "{count} of {total} times carry a UTC offset and the others do not.",
        "{total} 个时间中有 {count} 个带 UTC 时差，其余没有。",
        "Write all times alike: in the store's local time, or all with an offset and the store's zone named.",
        "请统一写法：全部为门店当地时间，或全部带时差并指定门店时区。",
    ),
    "SL-FCT-07": Message(
        "error",
        "The times carry a UTC offset, but the store's time zone is not given.",
        "时间带有 UTC 时差，但未给出门店时区。",
        "Name the zone, such as Asia/Shanghai: days and hours are the store's own.",
        "请指定时区（如 Asia/Shanghai）：日与小时以门店当地为准。",
    ),
    "SL-FCT-08": Message(
        "error",
        "{count} times do not begin a step of {freq}, first {series} at {step}.",
        "{count} 个时间不是 {freq} 步长的起点，首个为 {series}（{step}）。",
        "Give the begin of each step (weeks begin on Monday); receipt lines are put into steps with lines=True.",
        "请给出每步的起点（周从星期一开始）；小票明细可用 lines=True 自动归入。",
    ),
    "SL-FCT-09": Message(
        "info",
        "{count} steps without rows in {series} series were filled: {zero} as 0, {unknown} as unknown.",
        "{series} 个序列中有 {count} 个时间点无数据，已补：{zero} 个为 0，{unknown} 个为未知。",
    ),
    "SL-FCT-10": Message(
        "info",
        "Returns exceeded sales on {count} steps; {units} units were taken off earlier sales, {left} found none.",
        "{count} 个时间点退货多于销售；{units} 件已冲减此前销售，{left} 件无可冲减。",
    ),
    "SL-FCT-11": Message(
        "warning",
        "{count} series have a single step, first {series}.",
        "{count} 个序列只有一个时间点，首个为 {series}。",
        "Forecast new items by their likeness to others.",
        "新品请按相似商品预测。",
    ),
    "SL-FCT-12": Message(
        "info",
        "{count} series never sold, first {series}.",
        "{count} 个序列从未有销量，首个为 {series}。",
    ),
    "SL-FCT-13": Message(
        "warning",
        "{count} steps have sales although the calendar says closed, first {series} on {step}; the sales count.",
        "{count} 个时间点日历标为停业却有销售，首个为 {series}（{step}）；按有销售处理。",
        "Check the calendar of closed days.",
        "请核对停业日历。",
    ),
    "SL-FCT-14": Message(
        "warning",
        "{count} values are more than {times} times what their series usually sells, first {series} on {step} ({got}); they count.",
        "{count} 个数值超过该序列常见销量的 {times} 倍，首个为 {series}（{step}，{got}）；照常计入。",
        "If they are wrong, mark these steps as unknown (null).",
        "如有误，请将这些时间点标为未知（null）。",
    ),
    "SL-FCT-15": Message(
        "error",
        "The drivers do not cover {count} steps, first {series} on {step}.",
        "驱动因素缺少 {count} 个时间点，首个为 {series}（{step}）。",
        "Give every driver for each step of the history and of the horizon.",
        "请为历史与预测期的每个时间点给出所有驱动因素。",
    ),
}
