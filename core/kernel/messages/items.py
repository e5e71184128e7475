"""The words of what is found in catalogues of items and in the pictures to learn them from."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-ITM-01": Message(
        "error",
        "Item {name} has {count} pictures; needed: {least} or more.",
        "商品 {name} 只有 {count} 张图片，至少需要 {least} 张。",
        "Add pictures of it from several sides and distances, or take its folder away.",
        "请补充不同角度与距离的图片，或移除其目录。",
    ),
    "SL-ITM-02": Message(
        "error",
        "An item has no id.",
        "商品缺少编号。",
        "Give its GTIN, as the products table writes it.",
        "请给出商品编号（GTIN），写法与商品表一致。",
    ),
    "SL-ITM-03": Message(
        "error",
        "Item {gtin} is not in the catalogue of {count} items.",
        "目录中的 {count} 种商品不包含 {gtin}。",
        "Check the GTIN; it must be written as it was enrolled.",
        "请核对商品编号，写法须与登记时一致。",
    ),
    "SL-ITM-04": Message(
        "error",
        "There is no catalogue of items here.",
        "此处没有商品目录。",
        "Make one from pictures: storeloom models train-items FOLDER --data DATA",
        "请由图片生成：storeloom models train-items FOLDER --data DATA",
    ),
    "SL-ITM-05": Message(
        "error",
        "The catalogue of items is damaged: {reason}.",
        "商品目录已损坏：{reason}。",
        "Restore its folder from a backup, or make it anew: storeloom models train-items FOLDER --data DATA",
        "请从备份恢复该目录，或重新生成：storeloom models train-items FOLDER --data DATA",
    ),
    "SL-ITM-06": Message(
        "error",
        "The catalogue was made with {known}, not with {wanted}.",
        "该目录由 {known} 生成，而非 {wanted}。",
        "Use the embedding that it was made with, or make it anew from the pictures: storeloom models train-items FOLDER --data DATA",
        "请使用生成时的特征模型，或由图片重新生成：storeloom models train-items FOLDER --data DATA",
    ),
    "SL-ITM-07": Message(
        "error",
        "This picture cannot be used: {reason}.",
        "无法使用该图片：{reason}。",
        "Take it again, or remove the file.",
        "请重新拍摄，或删除该文件。",
    ),
    "SL-ITM-08": Message(
        "error",
        "There is no such folder.",
        "没有该目录。",
        "Give a folder with one sub-folder for each item, named by its GTIN.",
        "请给出一个目录，每种商品一个子目录，以商品编号（GTIN）命名。",
    ),
    "SL-ITM-09": Message(
        "error",
        "The folder has sub-folders of {count} items; needed: {least} or more.",
        "该目录含 {count} 种商品的子目录，至少需要 {least} 种。",
        "Give a folder with one sub-folder for each item, named by its GTIN.",
        "请给出一个目录，每种商品一个子目录，以商品编号（GTIN）命名。",
    ),
    "SL-ITM-10": Message(
        "error",
        "The same picture stands under another item: {other}.",
        "同一张图片也出现在另一种商品下：{other}。",
        "Remove it where it does not belong.",
        "请删除放错位置的那一张。",
    ),
    "SL-ITM-11": Message(
        "warning",
        "The catalogue of items {shop} cannot be read and was set aside as {aside}; the shop begins empty. The reason: {reason}.",
        "商品目录 {shop} 无法读取，已移存为 {aside}；该目录从空白开始。原因：{reason}。",
        "Enrol the items again, or make the catalogue anew: storeloom models train-items FOLDER --data DATA --name {shop}",
        "请重新登记商品，或重新生成：storeloom models train-items FOLDER --data DATA --name {shop}",
    ),
    "SL-ITM-12": Message(
        "error",
        "The catalogue of items {shop} cannot be written: {reason}. What was learnt is kept in memory only.",
        "商品目录 {shop} 无法写入：{reason}。新学到的内容仅存于内存。",
        "Free space on the disk and check the rights of its folder.",
        "请清理磁盘空间，并检查该目录的权限。",
    ),
}
