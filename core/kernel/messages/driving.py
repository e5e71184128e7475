"""What can be said of calendars and of what drives demand: promotions, prices, weather."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-CAL-01": Message(
        "info",
        "Adjusted working days of {country} are not announced from {since} on and count as unknown.",
        "{country} 自 {since} 起的调休安排尚未公布，按未知处理。",
    ),
    "SL-CAL-02": Message(
        "error",
        "There is no calendar of the country {country}.",
        "没有国家或地区 {country} 的日历。",
        "Give the two letters of ISO 3166, such as CN or US.",
        "请给出 ISO 3166 两位字母代码，如 CN 或 US。",
    ),
    "SL-CAL-03": Message(
        "error",
        "The calendar of {country} knows no region {region}; known: {known}.",
        "{country} 的日历中没有地区 {region}；已知：{known}。",
        "Name a known region, or none.",
        "请填写已知地区，或留空。",
    ),
    "SL-CAL-04": Message(
        "error",
        "A calendar cannot go from {first} to {last}; the first day comes first, and {most} is the last year.",
        "日历不能从 {first} 到 {last}；起始日须在前，且最晚为 {most} 年。",
        "Give an earlier first day or another last day.",
        "请更改起止日期。",
    ),
    "SL-CAL-05": Message(
        "error",
        "This is no calendar event: {got}; kinds are {known}.",
        "日历事件无效：{got}；类别为 {known}。",
        "Name a known kind, and a last day that is not before the first.",
        "请使用已知类别，且结束日不早于开始日。",
    ),
    "SL-CAL-06": Message(
        "error",
        "Paydays are days of the month from 1 to 31, or -1 for the last; there is: {got}.",
        "发薪日应为每月 1 至 31 日，或 -1 表示月末；收到：{got}。",
        "Correct the paydays.",
        "请更正发薪日。",
    ),
    "SL-DRV-01": Message(
        "error",
        "The table of {table} lacks the column {column}; there are: {known}.",
        "{table_zh}表缺少列 {column}；现有：{known}。",
        "Give every row the series (unique_id), the day (ds) and the figures.",
        "请为每行给出序列（unique_id）、日期（ds）及数值。",
    ),
    "SL-DRV-02": Message(
        "error",
        "The table of {table} holds {count} values out of range in {column}, first {got} on {step}; allowed: {allowed}.",
        "{table_zh}表的列 {column} 有 {count} 个值超出范围，首个为 {step} 的 {got}；允许：{allowed}。",
        "Correct these rows or leave them out.",
        "请更正或删除这些行。",
    ),
    "SL-DRV-03": Message(
        "error",
        "The table of {table} gives {count} rows twice, first {series} on {step}.",
        "{table_zh}表有 {count} 行重复，首个为 {series}（{step}）。",
        "Give one row a series and day.",
        "每个序列每天只给一行。",
    ),
    "SL-DRV-04": Message(
        "warning",
        "The table of {table} names {count} series that are not forecast, first {series}; they are left out.",
        "{table_zh}表含 {count} 个不在预测范围内的序列，首个为 {series}；已忽略。",
        "Check the names of the series.",
        "请核对序列名称。",
    ),
    "SL-DRV-05": Message(
        "warning",
        "The table of {table} misses {count} steps ahead, first {step}; {effect} is taken there.",
        "{table_zh}表缺少 {count} 个未来时间点，首个为 {step}；这些点取{effect_zh}。",
        "Give the plan for the whole horizon.",
        "请给出整个预测期的计划。",
    ),
    "SL-DRV-06": Message(
        "error",
        "The table of {table} holds {count} rows without a series or a day.",
        "{table_zh}表有 {count} 行缺少序列或日期。",
        "Fill in unique_id and ds.",
        "请补全 unique_id 与 ds。",
    ),
}
