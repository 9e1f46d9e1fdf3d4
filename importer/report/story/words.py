"""The page's own sentences, in English and in Chinese."""

from dataclasses import dataclass

from importer.model.finding import Severity
from importer.model.operation import Outcome, State
from importer.report.story.content import FAILED
from importer.report.summary import Summary, Waiting


@dataclass(frozen=True, slots=True)
class Words:
    """The same in both languages."""

    en: str
    zh: str


def same(text: str) -> Words:
    return Words(text, text)


STATES = {
    State.SENT.value: Words("sent", "已发验证邮件"),
    State.VERIFIED.value: Words("verified", "已验证"),
    State.ADDED.value: Words("added", "已添加"),
    State.WAITING.value: Words("waiting", "等待中"),
    State.IN_DOUBT.value: Words("in doubt", "结果未知"),
    State.FAILED.value: Words("failed", "失败"),
    State.DELETED.value: Words("deleted", "已删除"),
}
PLACES = {
    "read": Words("rows read", "读取的行"),
    "rejected": Words("rejected", "被拒绝"),
    "duplicate": Words("duplicate", "重复"),
    "accepted": Words("accepted", "被接受"),
}
# The outcomes of calls as they are drawn, from the ground up: class of the style, name, outcomes.
OUTCOMES = (
    ("done", Words("done", "成功"), (Outcome.DONE,)),
    ("refused", Words("refused for its values", "因内容被拒绝"), (Outcome.ROW, Outcome.LOOK)),
    ("gave-way", Words("gave way, tried again", "让路后重试"), (Outcome.CONFLICT, Outcome.THROTTLE)),
    ("limit", Words("limit reached", "达到限额"), (Outcome.DAILY, Outcome.FULL)),
    ("again", Words("no answer, repeated", "无应答，已重发"), (Outcome.RESEND,)),
    ("in_doubt", Words("in doubt, looked up", "结果未知，已查询"), (Outcome.DOUBT,)),
    ("stopped", Words("stopped the run", "使运行停止"), (Outcome.STOP,)),
)
KINDS = {
    FAILED: Words("failed", "失败"),
    Severity.ERROR.value: Words("error", "错误"),
    Severity.WARNING.value: Words("warning", "警告"),
    Severity.NOTE.value: Words("note", "提示"),
}
SENT, AHEAD = Words("sent", "已发送"), Words("foreseen", "预计")
NOTES = {
    "somebody else writes to this directory too: its refusals were not of this run's making, and it gave way": (
        "另有程序在写入此目录：这些拒绝并非由本次运行造成，本次运行已让路。"
    ),
}
# The classes that the page's style colours as the variables of their names.
STYLES = (*STATES, *PLACES, "gave-way", "limit", "again", "stopped")
TONES = {0: "good", 1: "fair", 3: "fair", 5: "fair", 6: "fair"}  # of a verdict, by exit code; else bad

_AGAIN = Words("The same command continues where this run ended.", "再次运行同一命令，即可从中断处继续。")
_VERDICTS = {
    0: (
        Words("Done", "已完成"),
        Words("All that the file asks for is done; nothing is left to do.", "文件要求的工作已全部完成，无需再做什么。"),
    ),
    1: (
        Words("Done, but for some rows", "已完成，但有些行除外"),
        Words(
            "Correct the rows below in the file, then run the same command again: only what changed is done.",
            "请在文件中改正下列各行，然后再次运行同一命令：只会处理有变化的部分。",
        ),
    ),
    5: (
        Words("Doubts are left", "有结果未知的联系人"),
        Words(
            "Run the same command again: it looks into the directory and settles them. Nothing is done twice.",
            "请再次运行同一命令：它会查询目录并加以确认，不会重复操作。",
        ),
    ),
    6: (
        Words("Deletes were held back", "删除已被拦下"),
        Words("Look at what would be deleted before you go on.", "继续之前，请先查看将被删除的内容。"),
    ),
    75: (
        Words("Another run took over", "另一个运行已接管"),
        Words("Wait for it to end, then run the same command again.", "请等它结束，再运行同一命令。"),
    ),
}


def verdict(summary: Summary) -> tuple[Words, Words]:
    """How the run ended, and what to do next."""
    code = summary.exit_code
    if summary.stopped and code not in _VERDICTS:
        told = summary.stopped
        return (
            Words(f"Stopped: {told['code']}", f"已停止：{told['code']}"),
            Words(
                f"{told['message']}. Then run the same command again: it continues.",
                f"原因：{told['message']}。解决后再次运行同一命令，即可继续。",
            ),
        )
    if code == 3:
        return Words("To be continued", "未完待续"), _after(summary.deferred)
    return _VERDICTS.get(code, (Words("Interrupted", "已中断"), _AGAIN))


def _after(deferred: Waiting | None) -> Words:
    if deferred is None:
        return _AGAIN
    if deferred.until is None:
        return Words(
            f"Make room in the directory or raise --{deferred.reason}, then run the same command again.",
            f"请在目录中腾出位置，或调高 --{deferred.reason}，然后再次运行同一命令。",
        )
    at = moment(deferred.until)
    return Words(f"Run the same command again after {at}.", f"请在 {at} 之后再次运行同一命令。")


def waiting(wait: Waiting) -> Words:
    """What waits, for which limit's sake, until when."""
    if wait.until is None:
        return Words(
            f"{wait.count:,} waiting for {wait.reason}, until there is room",
            f"{wait.count:,} 项因 {wait.reason} 等待，直到有空位",
        )
    at = moment(wait.until)
    return Words(
        f"{wait.count:,} waiting for {wait.reason}, until {at}", f"{wait.count:,} 项因 {wait.reason} 等待至 {at}"
    )


def note(text: str) -> Words:
    """What a run has to say besides."""
    return Words(text, NOTES.get(text, text))


def moment(iso: str) -> str:
    """An ISO time as people read it: ``2026-11-25 00:00 +08:00``, with seconds where there are any."""
    at, zone = iso[:19].replace("T", " "), iso[19:]
    return f"{at.removesuffix(':00')} {zone}".rstrip()
