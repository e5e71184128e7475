"""Words of the virtual assortment: what each category holds, in Chinese and English. Brands are invented.

A kind reads `zh/en/price/grams`: price in fen for one (for one kg where the category is weighed), grams of one pack.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BRANDS = [
    "禾谷/Hegu",
    "山间/Shanjian",
    "晨露/Chenlu",
    "海之味/Haizhiwei",
    "小满/Xiaoman",
    "南风/Nanfeng",
    "白鹭/Bailu",
    "青禾/Qinghe",
    "乐果/Leguo",
    "云朵/Yunduo",
    "橙里/Chengli",
    "福满/Fuman",
    "竹影/Zhuying",
    "清泉/Qingquan",
    "暖阳/Nuanyang",
    "石榴/Shiliu",
]


@dataclass(frozen=True, slots=True)
class Category:
    """One category of goods: `share` is its weight in a basket, `counts` its number of products by format."""

    key: str
    zh: str
    en: str
    counts: dict[str, int]
    share: float
    kinds: str
    variants: str
    margin: float
    tax: int
    storage: str = "ambient"
    shelf_days: int = 0
    weighed: bool = False
    sizes: tuple[str, ...] = ()
    pack: int = 12
    lunch: float = 0.0
    extra: dict[str, int] = field(default_factory=dict)


SUPER = "supermarket"
CONV = "convenience"
MALL = "mall"
SPEC = "specialty"

CATEGORIES = (
    Category(
        "vegetables",
        "蔬菜",
        "Vegetables",
        {SUPER: 48},
        17,
        "土豆/potato/398/600 番茄/tomato/698/500 黄瓜/cucumber/598/450 西兰花/broccoli/998/400 菠菜/spinach/798/350 "
        "胡萝卜/carrot/458/400 大白菜/napa cabbage/298/1400 洋葱/onion/398/450 茄子/aubergine/598/400 青椒/green pepper/798/300 "
        "生姜/ginger/1598/150 大蒜/garlic/1298/150 莲藕/lotus root/998/600 香菇/shiitake/1998/250 金针菇/enoki/998/300 "
        "上海青/pak choi/498/400",
        "普通/standard 精选/select 有机/organic",
        0.28,
        9,
        "ambient",
        3,
        True,
    ),
    Category(
        "fruit",
        "水果",
        "Fruit",
        {SUPER: 36, CONV: 8},
        12,
        "苹果/apple/1198/900 香蕉/banana/698/900 橙子/orange/998/900 梨/pear/798/900 葡萄/grape/1998/700 草莓/strawberry/3998/400 "
        "蓝莓/blueberry/8998/150 猕猴桃/kiwi/1698/500 柚子/pomelo/598/1300 火龙果/dragon fruit/1598/800 芒果/mango/1898/600 "
        "西瓜/watermelon/398/3500",
        "普通/standard 精选/select 进口/imported",
        0.30,
        9,
        "ambient",
        5,
        True,
        lunch=1.0,
    ),
    Category(
        "meat",
        "肉禽蛋",
        "Meat, poultry and eggs",
        {SUPER: 40},
        11,
        "猪五花/pork belly/3598/450 猪里脊/pork loin/3798/400 猪排骨/pork ribs/5598/600 牛腩/beef brisket/7998/500 "
        "牛肉馅/minced beef/6998/400 鸡胸/chicken breast/2398/500 "
        "鸡腿/chicken leg/2198/600 鸭腿/duck leg/2598/500 羊肉片/lamb slices/8998/300 "
        "猪肉馅/minced pork/3298/400",
        "冷鲜/chilled 黑猪与散养/free range 精选/select 家庭装/family",
        0.22,
        9,
        "chilled",
        4,
        True,
    ),
    Category(
        "seafood",
        "水产",
        "Fish and seafood",
        {SUPER: 24},
        4,
        "草鱼/grass carp/1998/1200 鲈鱼/sea bass/3998/550 带鱼/hairtail/3598/500 基围虾/shrimp/7998/400 三文鱼/salmon/17800/250 "
        "蛤蜊/clams/1598/500 鱿鱼/squid/4598/400 花甲/venus clam/1398/500",
        "鲜活/live 冰鲜/iced 切段/cut",
        0.24,
        9,
        "chilled",
        2,
        True,
    ),
    Category(
        "dairy",
        "乳制品",
        "Dairy",
        {SUPER: 48, CONV: 24},
        11,
        "鲜牛奶/fresh milk/1490/950 酸奶/yogurt/690/200 酸奶杯/yogurt cups/1590/800 奶酪棒/cheese sticks/2490/100 黄油/butter/2990/227 "
        "乳酸菌饮品/probiotic drink/1290/500 鸡蛋/eggs/1890/600 豆浆/soy milk/790/400 豆腐/tofu/490/400",
        "原味/plain 低脂/low fat 草莓/strawberry 儿童/kids",
        0.24,
        13,
        "chilled",
        14,
        lunch=1.6,
    ),
    Category(
        "bakery",
        "烘焙",
        "Bakery",
        {SUPER: 32, CONV: 20},
        6,
        "吐司/toast/1290/400 牛角包/croissant/890/120 蛋糕卷/swiss roll/1590/250 红豆包/red bean bun/590/100 奶油包/cream bun/690/110 "
        "麻薯/mochi/990/160 三明治/sandwich/1190/170 欧包/country loaf/1890/350",
        "经典/classic 全麦/wholemeal 迷你/mini 双份/twin",
        0.45,
        13,
        "ambient",
        3,
        pack=6,
        lunch=2.0,
    ),
    Category(
        "ready_meals",
        "鲜食",
        "Ready meals",
        {SUPER: 16, CONV: 32},
        2,
        "饭团/rice ball/690/110 便当/lunch box/1890/450 沙拉/salad/1690/250 关东煮/oden/450/80 包子/steamed bun/350/100 "
        "烤肠/grilled sausage/590/90 凉面/cold noodles/1290/350 粥/congee/890/350",
        "经典/classic 辣味/spicy 鸡肉/chicken 素食/vegetarian",
        0.42,
        13,
        "chilled",
        2,
        pack=6,
        lunch=8.0,
    ),
    Category(
        "frozen",
        "冷冻食品",
        "Frozen food",
        {SUPER: 40, CONV: 14},
        5,
        "水饺/dumplings/2290/700 汤圆/rice dumplings/1490/500 馄饨/wonton/1890/500 鸡块/nuggets/2490/500 薯条/fries/1690/600 "
        "冰淇淋/ice cream/890/120 火锅丸/hotpot balls/2190/500 手抓饼/flatbread/1390/500 包子/frozen buns/1790/600",
        "原味/plain 猪肉白菜/pork and cabbage 虾仁/shrimp 香草/vanilla 芝麻/sesame",
        0.30,
        13,
        "frozen",
        270,
        pack=10,
    ),
    Category(
        "grain_oil",
        "米面粮油",
        "Rice, flour and oil",
        {SUPER: 44, CONV: 4},
        5,
        "大米/rice/4990/5000 面粉/flour/1690/2500 挂面/dried noodles/790/900 小米/millet/1590/1000 花生油/peanut oil/8990/4600 "
        "菜籽油/rapeseed oil/6990/4600 燕麦片/oatmeal/2290/1000 红豆/red beans/1290/500 玉米油/corn oil/6490/4600",
        "优选/choice 东北/north-east 有机/organic 家庭装/family",
        0.16,
        9,
        "ambient",
        365,
        pack=6,
    ),
    Category(
        "seasoning",
        "调味品",
        "Seasonings",
        {SUPER: 50, CONV: 6},
        6,
        "生抽/light soy sauce/1190/620 老抽/dark soy sauce/1290/620 米醋/rice vinegar/790/520 蚝油/oyster sauce/1090/700 食盐/salt/290/400 "
        "白砂糖/sugar/690/500 火锅底料/hotpot base/1390/250 番茄酱/ketchup/890/320 辣椒酱/chilli sauce/990/280 料酒/cooking wine/790/500",
        "经典/classic 特级/premium 减盐/less salt 香辣/hot",
        0.26,
        13,
        "ambient",
        540,
    ),
    Category(
        "instant",
        "方便速食",
        "Instant food",
        {SUPER: 40, CONV: 26},
        6,
        "方便面/instant noodles/450/110 五连包面/noodles five-pack/1490/550 "
        "自热火锅/self-heating hotpot/2990/380 火腿肠/ham sausage/690/240 "
        "粉丝/vermicelli/590/60 罐头鱼/canned fish/1390/180 榨菜/pickles/290/80",
        "红烧牛肉/braised beef 老坛酸菜/pickled cabbage 海鲜/seafood 番茄/tomato 香辣/hot",
        0.26,
        13,
        "ambient",
        180,
        pack=24,
        lunch=2.0,
    ),
    Category(
        "snacks",
        "休闲零食",
        "Snacks",
        {SUPER: 60, CONV: 36},
        10,
        "薯片/crisps/790/75 饼干/biscuits/990/200 坚果/mixed nuts/3990/300 "
        "巧克力/chocolate/1590/100 糖果/sweets/890/150 海苔/seaweed/1290/30 "
        "牛肉干/beef jerky/2990/100 瓜子/sunflower seeds/990/260 果冻/jelly/790/300 话梅/preserved plum/890/90",
        "原味/original 黄瓜/cucumber 海盐/sea salt 麻辣/spicy 蜂蜜/honey",
        0.32,
        13,
        "ambient",
        240,
        pack=20,
        lunch=0.9,
    ),
    Category(
        "drinks",
        "饮料",
        "Drinks",
        {SUPER: 56, CONV: 56},
        11,
        "矿泉水/mineral water/200/550 绿茶/green tea/450/500 可乐/cola/350/500 橙汁/orange juice/690/450 咖啡饮料/coffee drink/690/270 "
        "运动饮料/sports drink/550/500 奶茶/milk tea/590/500 苏打水/soda water/450/400 "
        "椰汁/coconut drink/590/245 乌龙茶/oolong tea/500/500",
        "原味/original 无糖/no sugar 柠檬/lemon 青柠/lime 大瓶/large",
        0.30,
        13,
        "ambient",
        300,
        pack=15,
        lunch=4.0,
    ),
    Category(
        "alcohol",
        "酒类",
        "Beer, wine and spirits",
        {SUPER: 28, CONV: 16},
        3,
        "啤酒/lager/590/500 黑啤/stout/890/500 干红/red wine/6990/750 "
        "白酒/baijiu/12800/500 黄酒/rice wine/2290/500 果酒/fruit wine/2990/330 "
        "起泡酒/sparkling wine/5990/750",
        "经典/classic 精酿/craft 珍藏/reserve 轻醺/light",
        0.28,
        13,
        "ambient",
        0,
        pack=12,
        extra={"min_age": 18},
    ),
    Category(
        "household",
        "家居清洁",
        "Household",
        {SUPER: 46, CONV: 12},
        5,
        "抽纸/tissues/1990/900 卷纸/toilet rolls/2490/1400 洗衣液/laundry liquid/3490/2000 洗洁精/washing-up liquid/1290/1100 "
        "垃圾袋/bin bags/890/150 保鲜膜/cling film/990/200 电池/batteries/1490/90 洁厕剂/toilet cleaner/990/600 海绵擦/sponge/590/40",
        "经典/classic 无香/unscented 薰衣草/lavender 家庭装/family",
        0.28,
        13,
        "ambient",
        0,
        pack=10,
    ),
    Category(
        "personal_care",
        "个人护理",
        "Personal care",
        {SUPER: 44, CONV: 18, MALL: 60},
        4,
        "牙膏/toothpaste/1490/120 牙刷/toothbrush/990/20 洗发水/shampoo/3990/500 沐浴露/shower gel/2990/650 护手霜/hand cream/1990/60 "
        "剃须刀片/razor blades/4990/40 洗手液/hand soap/1290/500 面膜/face mask/5990/150 防晒霜/sunscreen/7990/60",
        "清爽/fresh 滋润/moist 敏感/sensitive 儿童/kids",
        0.36,
        13,
        "ambient",
        0,
        pack=12,
        extra={"high_loss": 1},
    ),
    Category(
        "baby",
        "母婴",
        "Baby",
        {SUPER: 24, MALL: 20},
        2,
        "奶粉/infant formula/25800/800 纸尿裤/nappies/10900/1800 湿巾/wet wipes/1290/400 辅食泥/baby puree/1490/120 奶瓶/bottle/5990/150 "
        "米粉/rice cereal/4990/250",
        "一段/stage 1 二段/stage 2 三段/stage 3 加大/large",
        0.20,
        13,
        "ambient",
        400,
        pack=6,
        extra={"high_loss": 1},
    ),
    Category(
        "apparel",
        "服装",
        "Clothing",
        {MALL: 160, SPEC: 140},
        10,
        "衬衫/shirt/19900/220 T恤/t-shirt/9900/180 牛仔裤/jeans/25900/600 连衣裙/dress/32900/350 羽绒服/down jacket/79900/800 "
        "针织衫/knitwear/22900/350 风衣/trench coat/59900/900",
        "白色/white 黑色/black 藏青/navy 米色/beige",
        0.58,
        13,
        sizes=("S", "M", "L", "XL"),
        pack=4,
        extra={"security_tag": 1},
    ),
    Category(
        "shoes",
        "鞋履",
        "Shoes",
        {MALL: 60, SPEC: 60},
        5,
        "运动鞋/trainers/39900/700 皮鞋/leather shoes/59900/900 凉鞋/sandals/19900/450 靴子/boots/69900/1100",
        "白色/white 黑色/black 棕色/brown",
        0.52,
        13,
        sizes=("37", "38", "39", "41", "42"),
        pack=4,
        extra={"security_tag": 1},
    ),
    Category(
        "accessories",
        "配饰",
        "Accessories",
        {MALL: 50, SPEC: 40},
        5,
        "围巾/scarf/12900/150 皮带/belt/15900/250 帽子/hat/8900/120 手提包/handbag/49900/700 袜子/socks/2900/60 雨伞/umbrella/6900/350",
        "黑色/black 灰色/grey 驼色/camel 红色/red",
        0.60,
        13,
        pack=6,
    ),
    Category(
        "cosmetics",
        "美妆",
        "Cosmetics",
        {MALL: 80},
        7,
        "口红/lipstick/22900/20 粉底/foundation/29900/80 精华/serum/45900/60 "
        "香水/perfume/59900/120 眼影/eyeshadow/19900/40 面霜/face cream/35900/90",
        "经典/classic 丝绒/velvet 轻透/sheer 修护/repair",
        0.55,
        13,
        pack=6,
        extra={"high_loss": 1},
    ),
    Category(
        "toys_home",
        "玩具家居",
        "Toys and home",
        {MALL: 70},
        5,
        "积木/building blocks/19900/600 毛绒玩具/plush toy/9900/300 拼图/jigsaw/6900/500 "
        "马克杯/mug/4900/350 抱枕/cushion/7900/450 香薰/scent diffuser/12900/300",
        "经典/classic 森林/forest 海洋/ocean 星空/stars",
        0.50,
        13,
        pack=6,
    ),
)

# Complementary goods: (category, English kind) bought makes (category, English kind) likelier by the given chance.
AFFINITIES = (
    (("instant", "instant noodles"), ("instant", "ham sausage"), 0.38),
    (("frozen", "hotpot balls"), ("seasoning", "hotpot base"), 0.45),
    (("bakery", "toast"), ("dairy", "fresh milk"), 0.34),
    (("snacks", "crisps"), ("drinks", "cola"), 0.36),
    (("alcohol", "lager"), ("snacks", "sunflower seeds"), 0.30),
    (("baby", "nappies"), ("baby", "wet wipes"), 0.48),
    (("ready_meals", "rice ball"), ("drinks", "green tea"), 0.36),
    (("personal_care", "toothpaste"), ("personal_care", "toothbrush"), 0.30),
    (("seafood", "sea bass"), ("seasoning", "cooking wine"), 0.26),
    (("apparel", "shirt"), ("accessories", "belt"), 0.30),
    (("apparel", "jeans"), ("shoes", "trainers"), 0.22),
    (("cosmetics", "foundation"), ("cosmetics", "lipstick"), 0.32),
)
