"""The words of what is found in vision models: their folders, cards and networks, and files to import."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    # a model's folder
    "SL-MOD-01": Message(
        "error",
        "There is no such model: {name}. Known models: {known}.",
        "没有模型 {name}。现有模型：{known}。",
        "Name one of them or a model folder, or import yours: storeloom models import FILE.onnx",
        "请使用现有模型或模型目录，或导入自己的模型：storeloom models import FILE.onnx",
    ),
    "SL-MOD-02": Message(
        "error",
        "There is no model card here.",
        "此处没有模型卡片 card.json。",
        "Give a folder that holds card.json and its network, or make one: storeloom models import FILE.onnx",
        "请指定含 card.json 及其网络文件的目录，或生成一个：storeloom models import FILE.onnx",
    ),
    "SL-MOD-03": Message(
        "error",
        "The card is not JSON: {reason}.",
        "模型卡片不是 JSON：{reason}。",
        "Restore the card that came with the model.",
        "请恢复随模型提供的卡片。",
    ),
    "SL-MOD-04": Message(
        "error",
        "The network file of this card is missing.",
        "卡片所指的网络文件不存在。",
        "Restore it from the model's package.",
        "请从模型包中恢复该文件。",
    ),
    "SL-MOD-05": Message(
        "error",
        "The network is not the one of the card: its SHA-256 begins with {found}, the card's with {wanted}.",
        "网络文件与卡片不符：其 SHA-256 以 {found} 开头，卡片为 {wanted}。",
        "Restore the file, or import it again with its card.",
        "请恢复该文件，或重新导入并生成卡片。",
    ),
    "SL-MOD-06": Message(
        "error",
        "This model's task is '{task}', not '{wanted}'.",
        "该模型的任务为“{task}”，而非“{wanted}”。",
        "Name a model for '{wanted}': storeloom models list",
        "请选用任务为“{wanted}”的模型：storeloom models list",
    ),
    # a network against its card
    "SL-MOD-07": Message(
        "error",
        "onnxruntime refuses the network: {reason}.",
        "onnxruntime 无法加载该网络：{reason}。",
        "Use an ONNX file of an opset that this onnxruntime knows.",
        "请使用本机 onnxruntime 支持的 opset 版本的 ONNX 文件。",
    ),
    "SL-MOD-08": Message(
        "error",
        "The network takes {found}; by its card it takes {wanted}.",
        "网络的输入为 {found}；按卡片应为 {wanted}。",
        "Correct the card's input, or restore the network.",
        "请改正卡片的 input，或恢复网络文件。",
    ),
    "SL-MOD-09": Message(
        "error",
        "The network gives no '{name}', only {known}.",
        "网络没有输出“{name}”，只有 {known}。",
        "Correct the card's output, or restore the network.",
        "请改正卡片的 output，或恢复网络文件。",
    ),
    "SL-MOD-10": Message(
        "error",
        "The network's output '{name}' is {found}; by its card ({classes} classes) it is {wanted}.",
        "网络的输出“{name}”为 {found}；按卡片（{classes} 个类别）应为 {wanted}。",
        "Correct the card's output or classes, or restore the network.",
        "请改正卡片的 output 或 classes，或恢复网络文件。",
    ),
    "SL-MOD-11": Message(
        "error",
        "The network's output {names} holds NaN or infinity.",
        "网络的输出 {names} 含 NaN 或无穷大。",
        "Restore the model, or export it again.",
        "请恢复模型，或重新导出。",
    ),
    "SL-MOD-12": Message(
        "error",
        "The network reports class number {index}; the card lists {count} classes.",
        "网络报告的类别编号为 {index}；卡片只列出 {count} 个类别。",
        "Correct the card's classes, counted from 0.",
        "请改正卡片的 classes（从 0 起编号）。",
    ),
    "SL-MOD-13": Message(
        "warning",
        "It sees {count} objects in a picture of one colour.",
        "在纯色画面中看到 {count} 个物体。",
        "See that layout, channels, mean, std and classes are those that it was trained with.",
        "请核对 layout、channels、mean、std 与 classes 是否与训练时一致。",
    ),
    "SL-MOD-14": Message(
        "error",
        "The output layout '{layout}' is not known.",
        "未知的输出布局“{layout}”。",
        "Known: {known}.",
        "可用：{known}。",
    ),
    # a file to import
    "SL-MOD-15": Message(
        "error",
        "The layout cannot be told from the network's outputs: {outputs}.",
        "无法由网络的输出判断其布局：{outputs}。",
        "Name it with --layout ({known}), and check the list of classes.",
        "请用 --layout 指定（{known}），并核对类别表。",
    ),
    "SL-MOD-16": Message(
        "error",
        "The network's outputs are not those of the layout '{layout}': {outputs}.",
        "网络的输出与布局“{layout}”不符：{outputs}。",
        "Name another layout ({known}), or correct the list of classes.",
        "请改用其他布局（{known}），或改正类别表。",
    ),
    "SL-MOD-17": Message(
        "error",
        "The network takes {found}; one picture is wanted: float32 or uint8, 1x3xHxW or 1xHxWx3.",
        "网络的输入为 {found}；应为一张图片：float32 或 uint8，1x3xHxW 或 1xHxWx3。",
        "Export it for one picture. Where only height and width are open, give them: --size 640x640",
        "请按单张图片导出。若仅高宽未定，请指定：--size 640x640",
    ),
    "SL-MOD-18": Message(
        "error",
        "The network tells {found} classes apart, the list holds {given}.",
        "网络区分 {found} 个类别，类别表中有 {given} 个。",
        "Give the list it was trained with: --classes FILE (one name a line, or a JSON list)",
        "请提供训练时的类别表：--classes FILE（每行一个名称，或 JSON 列表）",
    ),
    "SL-MOD-19": Message(
        "error",
        "This is no list of classes: {reason}.",
        "这不是类别表：{reason}。",
        "Write one name a line, or a JSON list of names.",
        "请每行写一个名称，或使用名称的 JSON 列表。",
    ),
    "SL-MOD-20": Message(
        "error",
        "There is a model in this folder already.",
        "该目录中已有模型。",
        "Give another --name, or remove that folder first.",
        "请换用其他 --name，或先删除该目录。",
    ),
}
