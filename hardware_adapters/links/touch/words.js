// What the page itself says. What a screen says otherwise comes from the store, in the store's language.
export const WORDS = {
  zh: {
    home: "欢迎光临", touch: "请触摸开始",
    online: "", offline: "网络中断，操作将在恢复后发送", waiting: "待发送 {n} 项", token: "接入令牌不正确", unknown: "门店未登记此屏幕",
    replaced: "此屏幕已在别处打开，点击此处接管", refused: "门店未接受上一操作",
    start: "开始", login: "开始购物", confirm: "确认", pay: "去付款", help: "呼叫店员", end: "结束", bag: "自带购物袋", offer: "使用此券",
    leave: "归还购物车", return: "归还购物车", lookup: "查找", scan: "扫码", ticket: "取号", rate: "评价", receipt: "打印小票", age: "确认年龄",
    weigh: "称重", measure: "测量", choose: "选择", tap: "查看", enter: "确定", erase: "删除", total: "合计", off: "优惠 {amount}",
    still: "您还在吗？", stay: "继续", leaving: "{n} 秒后结束", closed: "暂停服务", coupon: "优惠券", each: "单价 {amount}",
    left: "还需", wait_min: "预计等候（分钟）", room: "房间", start_at: "开始时间", ticket_number: "排队号", taken: "已完成", of: "共", kcal: "热量（千卡）",
    choose_goods: "请选择商品", check: "请核对", basket: "购物清单", thanks: "谢谢", staff: "店员马上就来", sorry: "未成功，请重试", scan_here: "请扫描此码",
    route: "路线", consent: "请确认是否同意", measuring: "正在测量", report: "结果",
  },
  en: {
    home: "Welcome", touch: "Touch to start",
    online: "", offline: "No network: what you touch is sent once it is back", waiting: "{n} to be sent", token: "The access token is wrong",
    unknown: "The store does not know this screen", replaced: "This screen is open elsewhere: touch here to take over",
    refused: "The store did not take the last step",
    start: "Start", login: "Start shopping", confirm: "Confirm", pay: "Pay", help: "Call staff", end: "Finish", bag: "My own bag",
    offer: "Use this coupon", leave: "Return the cart", return: "Return the cart", lookup: "Search", scan: "Scan", ticket: "Take a number",
    rate: "Rate", receipt: "Print receipt", age: "Confirm age", weigh: "Weigh", measure: "Measure", choose: "Choose", tap: "Look",
    enter: "OK", erase: "Delete", total: "Total", off: "{amount} off", still: "Are you still there?", stay: "Go on",
    leaving: "Ends in {n} s", closed: "Out of service", coupon: "Coupon", each: "{amount} each",
    left: "Still needed", wait_min: "Waiting time (minutes)", room: "Room", start_at: "Starts at", ticket_number: "Your number",
    taken: "Done", of: "Of", kcal: "Energy (kcal)",
    choose_goods: "Choose your goods", check: "Please check", basket: "Your basket", thanks: "Thank you", staff: "Staff is coming",
    sorry: "That did not work, try again", scan_here: "Scan this code", route: "Your way", consent: "Do you agree?", measuring: "Measuring",
    report: "Your result",
  },
};

// Headings for screens whose words the store leaves to the screen, or gives in the other language only.
export const HEADINGS = {
  welcome: "home", choose: "choose_goods", choose_again: "choose_goods", pick: "choose_goods", menu: "choose_goods", keys: "choose_goods",
  list: "check", confirm: "check", total: "check", line: "basket", basket: "basket", pay: "pay", paid: "thanks", printed: "thanks",
  resolved: "thanks", staff: "staff", wait_for_staff: "staff", check_lane: "staff", declined: "sorry", closed: "closed", consent: "consent",
  measure: "measuring", report: "report", ticket: "ticket_number", rate: "rate", offer: "coupon",
};

// Buttons under a screen, the main one first; the config's own stand before these.
export const BUTTONS = {
  kiosk: {
    home: ["start"], welcome: ["start"], list: ["pay", "help"], total: ["pay", "help"], basket: ["pay", "help"], declined: ["pay", "help"],
    scan: ["pay", "bag", "help"], line: ["pay", "help"], confirm: ["confirm", "help"], check_items: ["confirm", "help"],
    consent: ["confirm", "end"], report: ["end"], ticket: ["end"], paid: ["end"], wait_for_staff: [], staff: [], camera_lost: [],
  },
  cart: {
    home: ["login"], closed: ["login"], basket: ["pay", "help"], pay: ["help"], declined: ["pay", "help"], offer: ["offer", "help"],
    paid: ["leave"], check_lane: [],
  },
};

// Screens on which goods are there to be chosen, not to be checked.
export const CHOICES = ["choose", "choose_again", "pick", "menu", "keys", "addon", "confirm"];
