"""What the region editor says, in English and Chinese. `{n}` and the like are filled here or in the browser."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    # what is drawn
    "line": {"en": "Line", "zh": "线"},
    "polygon": {"en": "Zone", "zh": "区域"},
    "box": {"en": "Slot", "zh": "货位"},
    "point": {"en": "Floor point", "zh": "地面点"},
    "draw_line": {"en": "Draw a line", "zh": "画线"},
    "draw_polygon": {"en": "Draw a zone", "zh": "画区域"},
    "draw_box": {"en": "Draw a slot", "zh": "画货位"},
    "draw_point": {"en": "Add a floor point", "zh": "添加地面点"},
    "area": {"en": "Picture with {n} shapes. Tab goes from shape to shape.", "zh": "画面，共 {n} 个图形。按 Tab 键逐个切换。"},
    "corner": {"en": "corner {k}", "zh": "第 {k} 个顶点"},
    "start": {"en": "start", "zh": "起点"},
    "end": {"en": "end", "zh": "终点"},
    "in": {"en": "in", "zh": "进"},
    "add_corner": {"en": "Add a corner here", "zh": "在此添加顶点"},
    # buttons
    "finish": {"en": "Finish", "zh": "完成"},
    "cancel": {"en": "Cancel", "zh": "取消"},
    "undo": {"en": "Undo", "zh": "撤销"},
    "redo": {"en": "Redo", "zh": "重做"},
    "flip": {"en": "Flip direction", "zh": "翻转方向"},
    "duplicate": {"en": "Duplicate", "zh": "复制"},
    "delete": {"en": "Delete", "zh": "删除"},
    "name": {"en": "Name", "zh": "名称"},
    "metres_x": {"en": "x on the floor (m)", "zh": "地面 x（米）"},
    "metres_y": {"en": "y on the floor (m)", "zh": "地面 y（米）"},
    # what to do
    "empty": {"en": "Nothing is drawn yet.", "zh": "尚未绘制。"},
    "hint_select": {
        "en": "Drag shapes and points, or use Tab and the arrow keys (Shift: bigger steps). Delete removes.",
        "zh": "拖动图形或端点，也可用 Tab 与方向键移动（按住 Shift 步长更大），Delete 键删除。",
    },
    "hint_line": {"en": "Drag from one end to the other, or tap both ends.", "zh": "从一端拖到另一端，或依次点按两端。"},
    "hint_polygon": {
        "en": "Tap corner after corner; tap the first one again to finish.",
        "zh": "依次点按各顶点，再次点按第一个顶点即完成。",
    },
    "hint_box": {"en": "Drag from one corner to the opposite one.", "zh": "从一角拖到对角。"},
    "hint_point": {"en": "Tap a place on the floor, then fill in its metres.", "zh": "点按地面上的一处，再填写其米制坐标。"},
    "said_in": {"en": "The arrow shows which side is in.", "zh": "箭头所指一侧为“进”。"},
    # what is refused, what is wrong
    "refused": {"en": "Not accepted: {reason}", "zh": "未采纳：{reason}"},
    "number": {"en": "No. {n}: ", "zh": "第 {n} 个："},
    "crossing": {"en": "its sides cross. Put the corners in order around the zone.", "zh": "边线自相交叉，请按顺序围绕区域排列顶点。"},
    "no_length": {"en": "the line has no length. Pull its ends apart.", "zh": "线没有长度，请拉开两端。"},
    "no_area": {"en": "it is too small to be seen. Draw it bigger.", "zh": "面积过小，请画大一些。"},
    "few_corners": {"en": "a zone needs three corners or more.", "zh": "区域至少需要三个顶点。"},
    "outside": {"en": "it leaves the picture. Use shares from 0 to 1.", "zh": "超出画面，请使用 0 到 1 之间的比例。"},
    "same_place": {"en": "it lies on another floor point. Move one of them.", "zh": "与另一地面点重合，请移开其一。"},
    "few_pairs": {
        "en": "A floor needs four points or more, no three of them in a line.",
        "zh": "标定地面至少需要四个点，且任意三点不共线。",
    },
    "no_metres": {"en": "Fill in the metres; until then the point is not kept.", "zh": "请填写米制坐标，否则该点不会保存。"},
    "no_room": {"en": "there is no room beside it in the picture.", "zh": "画面内旁边没有空位。"},
}


def editor_word(key: str, lang: str, **values: object) -> str:
    """A word of the editor in a language, filled."""
    return WORDS[key][lang].format(**values)
