"""Every text of the report, in English, German and Chinese. `{name}` is filled in, and escaped where it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

Language = Literal["en", "de", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "de", "zh")

TEXTS: dict[str, tuple[str, str, str]] = {
    "kind": ("Report on an appearance search", "Bericht über eine Suche nach dem Aussehen", "外观搜索报告"),
    "case": ("Case {number}", "Fall {number}", "案件 {number}"),
    "owner": ("Case of {who}", "Fall von {who}", "案件负责人:{who}"),
    "printed_by": ("Printed by {who}", "Gedruckt von {who}", "打印人:{who}"),
    "decided": (
        "A person decided every mark in this report.",
        "Jede Markierung in diesem Bericht hat ein Mensch gesetzt.",
        "本报告中的每个标记均由人作出。",
    ),
    "sentence": (
        "The software ordered pictures by how alike they look. It is often wrong, it does not identify anybody, and a person who is"
        " not found may still have been there.",
        "Die Software hat Bilder nach Ähnlichkeit geordnet. Sie irrt oft, sie identifiziert niemanden, und wer nicht gefunden wird,"
        " kann trotzdem da gewesen sein.",
        "软件只按相像程度排列图片。它常会出错,不认定任何人的身份;未找到的人也可能到过现场。",
    ),
    "hold": ("Legal hold", "Löschsperre", "依法保留"),
    "hold_since": ("since {time}, by {who}: {why}", "seit {time}, von {who}: {why}", "自 {time} 起,{who}:{why}"),
    "approval": ("Approval", "Freigabe", "批准"),
    "approved": ("{who}, {time}", "{who}, {time}", "{who},{time}"),
    "approval_waits": ("asked {time}, not given yet", "erbeten {time}, noch nicht erteilt", "{time} 提出,尚未批准"),
    "refused": ("refused by {who}, {time}", "abgelehnt von {who}, {time}", "{time} 被 {who} 拒绝"),
    "question": ("Question", "Frage", "查询"),
    "camera": ("Camera", "Kamera", "摄像机"),
    "of_camera": ("camera {camera}", "Kamera {camera}", "摄像机 {camera}"),
    "unknown": ("not known", "unbekannt", "未知"),
    "taken": ("Taken", "Aufgenommen", "拍摄时间"),
    "no_time": ("no time", "keine Zeit", "无时间"),
    "file": ("File", "Datei", "文件"),
    "purpose": ("Purpose", "Zweck", "目的"),
    "basis": ("Basis", "Grundlage", "依据"),
    "none_named": ("none was named", "keine genannt", "未注明"),
    "light.ir": ("infrared", "Infrarot", "红外"),
    "light.rgb": ("colour", "Farbe", "彩色"),
    "no_query": ("No picture was searched with.", "Es wurde mit keinem Bild gesucht.", "没有使用图片进行搜索。"),
    "further": ("Further pictures searched with", "Weitere Bilder, mit denen gesucht wurde", "其他查询图片"),
    "searched": ("What was searched", "Was durchsucht wurde", "搜索范围"),
    "of_searches": ("Search", "Suche", "搜索"),
    "last_of": (
        "the last of {n}, {time}; all are on a later page",
        "die letzte von {n}, {time}; alle stehen auf einer späteren Seite",
        "共 {n} 次,此为最后一次({time});全部列于后页",
    ),
    "sightings": ("Sightings", "Sichtungen", "记录"),
    "of_cameras": ("{n} of cameras {list}", "{n} der Kameras {list}", "摄像机 {list} 的 {n} 条"),
    "window": ("Time", "Zeit", "时间"),
    "from_until": ("{since} to {until}", "{since} bis {until}", "{since} 至 {until}"),
    "always": ("all times", "alle Zeiten", "全部时间"),
    "open_end": ("the end", "zum Ende", "最后"),
    "open_begin": ("the beginning", "dem Anfang", "最初"),
    "left": ("Left out", "Ausgelassen", "已排除"),
    "left.nothing": ("nothing", "nichts", "无"),
    "left.same_place": (
        "camera {c}: same place as camera {query_camera}",
        "Kamera {c}: am selben Ort wie Kamera {query_camera}",
        "摄像机 {c}:与摄像机 {query_camera} 位于同一位置",
    ),
    "left.same_place_at_times": (
        "camera {c}: for some time at the place of camera {query_camera}; that time",
        "Kamera {c}: zeitweise am Ort von Kamera {query_camera}; diese Zeit",
        "摄像机 {c}:曾与摄像机 {query_camera} 位于同一位置的时段",
    ),
    "left.own_camera": (
        "camera {c}: took the picture",
        "Kamera {c}: von ihr stammt das Bild",
        "摄像机 {c}:即拍摄该图片的摄像机",
    ),
    "left.not_chosen": ("camera {c}: not chosen", "Kamera {c}: nicht gewählt", "摄像机 {c}:未选择"),
    "left.same_light": (
        "camera {c}: only of the picture's own light",
        "Kamera {c}: nur im selben Licht wie das Bild",
        "摄像机 {c}:与图片同为一种光照",
    ),
    "left.nothing_enrolled": (
        "camera {c}: nothing is enrolled",
        "Kamera {c}: nichts ist erfasst",
        "摄像机 {c}:没有入库记录",
    ),
    "left.other": ("camera {c}: {reason}", "Kamera {c}: {reason}", "摄像机 {c}:{reason}"),
    "left.untimed": ("sightings without a time: {n}", "Sichtungen ohne Zeit: {n}", "无时间的记录:{n} 条"),
    "left.time": ("sightings of other times: {n}", "Sichtungen zu anderer Zeit: {n}", "其他时间的记录:{n} 条"),
    "left.labels": ("sightings with another label: {n}", "Sichtungen mit anderer Angabe: {n}", "其他标注的记录:{n} 条"),
    "walk": ("Not walkable", "Nicht zu Fuß erreichbar", "步行不可达"),
    "walk.filter": ("left out: {n}", "ausgelassen: {n}", "已排除 {n} 条"),
    "walk.rank": ("ranked last", "ans Ende gestellt", "排在最后"),
    "walk.off": ("not heeded", "nicht beachtet", "未考虑"),
    "walk.no_time": (
        "not heeded: the picture has no time",
        "nicht beachtet: Das Bild hat keine Zeit",
        "未考虑:图片没有时间",
    ),
    "order": ("Order", "Reihenfolge", "排序"),
    "exact": ("exact, equal to comparing all", "exakt, wie beim Vergleich mit allen", "精确,与逐条比较相同"),
    "approximate": ("approximate: hits may be missing", "genähert: Treffer können fehlen", "近似:可能遗漏结果"),
    "refined": (
        "by the case's own decisions, too: {same} same, {different} different",
        "auch nach den Entscheidungen des Falls: {same} dieselbe, {different} andere",
        "亦参考本案判断:同一人 {same} 条,不同人 {different} 条",
    ),
    "silent": ("Silent", "Stumm", "无记录"),
    "silent.none": ("none of these cameras", "keine dieser Kameras", "这些摄像机均有记录"),
    "silent.list": (
        "cameras {list} have no sighting in that time",
        "Kameras {list} haben in dieser Zeit keine Sichtung",
        "摄像机 {list} 在该时段没有记录",
    ),
    "hits": ("Hits in order of time", "Treffer nach der Zeit", "按时间排列的结果"),
    "decision": ("Decision", "Entscheidung", "判断"),
    "mark.same": ("✓ Same", "✓ Dieselbe", "✓ 同一人"),
    "mark.unsure": ("? Unsure", "? Unsicher", "? 不确定"),
    "mark.different": ("✕ Different", "✕ Andere", "✕ 不同人"),
    "time": ("Time", "Zeit", "时间"),
    "place": ("Place", "Ort", "地点"),
    "strangers": (
        "Strangers expected as near",
        "Fremde, die so nah zu erwarten sind",
        "预计同样相像的陌生人",
    ),
    "n_of": ("{s} of {n}", "{s} von {n}", "{n} 中 {s}"),
    "not_measured": ("not measured", "nicht gemessen", "未测定"),
    "seen": ("What was seen, by whom", "Was zu sehen war, von wem", "所见及判断人"),
    "agrees": ("{who} agrees {time}", "{who} stimmt zu {time}", "{who} 同意({time})"),
    "differs": ("{who}: {mark}, {time}", "{who}: {mark}, {time}", "{who}:{mark}({time})"),
    "none_marked": (
        "No hit is marked same or unsure.",
        "Kein Treffer ist als dieselbe oder unsicher markiert.",
        "没有标为同一人或不确定的结果。",
    ),
    "counts": (
        "Marked different: {different} (on a later page). Not marked: {open} of {total} hits of all searches.",
        "Als andere markiert: {different} (auf einer späteren Seite). Ohne Markierung: {open} von {total} Treffern aller Suchen.",
        "标为不同人:{different} 条(见后页)。未标记:全部搜索的 {total} 条结果中的 {open} 条。",
    ),
    "errs": ("How often it errs here", "Wie oft es hier irrt", "此处的误差"),
    "pair": (
        "Camera {a} with camera {b}: measured on {genuine} pairs of one person and {strangers} of strangers.",
        "Kamera {a} mit Kamera {b}: gemessen an {genuine} Paaren einer Person und {strangers} von Fremden.",
        "摄像机 {a} 与摄像机 {b}:以同一人的 {genuine} 对和陌生人的 {strangers} 对测定。",
    ),
    "pair.not": (
        "Camera {a} with {list}: not measured.",
        "Kamera {a} mit {list}: nicht gemessen.",
        "摄像机 {a} 与 {list}:未测定。",
    ),
    "one_in": (
        "Of strangers, 1 in {n} looks as much alike as the hit of {time}.",
        "Von Fremden sieht 1 von {n} so ähnlich aus wie der Treffer von {time}.",
        "每 {n} 名陌生人中有 1 名与 {time} 的结果同样相像。",
    ),
    "model_measured": (
        "Of the model, {protocol}: {figures}.",
        "Vom Modell, {protocol}: {figures}.",
        "模型,{protocol}:{figures}。",
    ),
    "model_not_measured": (
        "The model's card has no measured results.",
        "Die Karte des Modells hat keine gemessenen Ergebnisse.",
        "模型说明中没有测定结果。",
    ),
    "errors.at": (
        "How often this model errs, and on what, was measured on {data}. The server shows it at {path}.",
        "Wie oft und wobei dieses Modell irrt, wurde auf {data} gemessen. Der Server zeigt es unter {path}.",
        "该模型的出错频率及情形已在 {data} 上测定,服务器在 {path} 处显示。",
    ),
    "leads.infrared": (
        "There, of 100 searches in infrared for somebody who wasn't in the gallery, {low} to {high} were called a lead.",
        "Dort galten von 100 Infrarot-Suchen nach jemandem, der nicht im Bestand war, {low} bis {high} als Hinweis.",
        "其中,每 100 次以红外图片查找图库中不存在的人,有 {low} 至 {high} 次被判为线索。",
    ),
    "leads.visible": (
        "There, of 100 searches in colour for somebody who wasn't in the gallery, {low} to {high} were called a lead.",
        "Dort galten von 100 Farb-Suchen nach jemandem, der nicht im Bestand war, {low} bis {high} als Hinweis.",
        "其中,每 100 次以彩色图片查找图库中不存在的人,有 {low} 至 {high} 次被判为线索。",
    ),
    "errors.none": (
        "How often this model errs isn't documented. It is measured by: {command}",
        "Wie oft dieses Modell irrt, ist nicht dokumentiert. Gemessen wird es mit: {command}",
        "该模型的出错频率没有记录。测定命令:{command}",
    ),
    "never_measured": (
        "Not measured: other seasons, other clothes.",
        "Nicht gemessen: andere Jahreszeiten, andere Kleidung.",
        "未测定:其他季节、其他衣着。",
    ),
    "checked": ("Can it be checked?", "Lässt es sich prüfen?", "能否核查"),
    "model": ("Model", "Modell", "模型"),
    "gallery": ("Gallery", "Bestand", "图库"),
    "state": ("state {n}", "Stand {n}", "状态 {n}"),
    "audit": ("Audit log", "Protokoll", "审计日志"),
    "entries": ("entries {first} to {last}", "Einträge {first} bis {last}", "第 {first} 至 {last} 条"),
    "manifest": ("Manifest", "Manifest", "清单"),
    "signed": ("signed, key {key}", "signiert, Schlüssel {key}", "已签名,密钥 {key}"),
    "unsigned": ("unsigned", "nicht signiert", "未签名"),
    "sign.decided": (
        "Decided by: name, date, signature",
        "Entschieden von: Name, Datum, Unterschrift",
        "判断人:姓名、日期、签字",
    ),
    "sign.checked": (
        "Checked by a second person: name, date, signature",
        "Von einer zweiten Person geprüft: Name, Datum, Unterschrift",
        "复核人:姓名、日期、签字",
    ),
    "pairs": ("Side by side", "Nebeneinander", "并列对照"),
    "the_query": ("Question", "Frage", "查询"),
    "the_hit": ("Hit", "Treffer", "结果"),
    "ruled_out": ("Ruled out: marked different", "Ausgeschlossen: als andere markiert", "已排除:标为不同人"),
    "protocol": ("Protocol of searches", "Protokoll der Suchen", "搜索记录"),
    "who": ("Who", "Wer", "操作人"),
    "why": ("Purpose", "Zweck", "目的"),
    "filters": ("Filters", "Filter", "筛选"),
    "searched_with": ("Pictures", "Bilder", "图片"),
    "found": ("Hits", "Treffer", "结果"),
    "no_searches": ("No search was made.", "Es wurde nicht gesucht.", "没有进行搜索。"),
    "decisions": ("All decisions, in order", "Alle Entscheidungen der Reihe nach", "全部判断(按顺序)"),
    "taken_back": ("taken back {time} by {who}", "zurückgenommen {time} von {who}", "{time} 由 {who} 撤回"),
    "notes": ("Notes", "Notizen", "备注"),
    "text": ("Text", "Text", "内容"),
    "films": ("Recordings", "Aufnahmen", "录像"),
    "film": ("Recording", "Aufnahme", "录像"),
    "film_at": ("From its beginning", "Ab ihrem Anfang", "自开头起"),
    "film_by_hash": (
        "A recording is the one that was meant if its file has this hash, whatever it is called.",
        "Eine Aufnahme ist die gemeinte, wenn ihre Datei diese Prüfsumme hat, wie immer sie heißt.",
        "无论文件名如何,只要文件的哈希值与此相同,就是所指的录像。",
    ),
    "hashes": ("Files and their hashes", "Dateien und ihre Prüfsummen", "文件及其哈希值"),
    "picture": ("Picture", "Bild", "图片"),
    "blank": (
        "of a camera that isn't your key's",
        "von einer Kamera, die nicht zu Ihrem Schlüssel gehört",
        "您的密钥无权访问该摄像机",
    ),
    "erased": ("erased {time}", "gelöscht {time}", "已于 {time} 删除"),
    "no_picture": ("no picture kept", "kein Bild behalten", "未保存图片"),
    "reduced": (
        "Pictures are shown reduced, and a query as far as its box. The hashes are of the files as they are kept.",
        "Die Bilder sind verkleinert, Anfragen auf ihren Rahmen beschnitten. Die Prüfsummen gelten für die Dateien, wie sie verwahrt sind.",
        "图片为缩小显示,查询图片按框裁剪。哈希值对应所保存的原文件。",
    ),
    "check": ("Check with", "Prüfen mit", "核查命令"),
    "clocks": ("Times", "Zeiten", "时区"),
    "page": ("Page", "Seite", "第"),
    "page_of": ("of", "von", "页,共"),
    "page_end": ("", "", "页"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Words:
    """The texts of one language, and how it writes numbers and moments."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    def __call__(self, name: str, /, **values: object) -> str:
        """A text with what is filled in."""
        return TEXTS[name][self._place].format(**values)

    def knows(self, key: str) -> bool:
        return key in TEXTS

    def number(self, value: int) -> str:
        grouped = f"{value:,}"
        return grouped.replace(",", ".") if self.language == "de" else grouped

    def decimal(self, value: float, places: int) -> str:
        text = f"{value:.{places}f}"
        return text.replace(".", ",") if self.language == "de" else text

    def strangers(self, value: float) -> str:
        """As few digits as it is known to."""
        if value < 0.1:
            return f"< {self.decimal(0.1, 1)}"
        if value >= 1000:
            return f"{self.number(1000)}+"
        return self.decimal(value, 1) if value < 9.95 else self.number(round(value))

    def day(self, moment: datetime) -> str:
        if self.language == "de":
            return f"{moment:%d.%m.%Y}"
        if self.language == "zh":
            return f"{moment.year}年{moment.month}月{moment.day}日"
        return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"

    def clock(self, moment: datetime) -> str:
        """Hours, minutes and seconds, with the zone's offset then: a clock that is set back shows an hour twice."""
        return f"{moment:%H:%M:%S} {offset(moment)}"


def offset(moment: datetime) -> str:
    """From UTC, such as `+01:00`; `UTC` for none."""
    text = moment.strftime("%z")
    return "UTC" if text in ("+0000", "") else f"{text[:3]}:{text[3:5]}"
